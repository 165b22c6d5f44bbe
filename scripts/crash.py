"""kill -9 at any moment: `make crash` (ARGS='--moments 50 --seed 1'; --start 0.5 leaves out the imports).

Boundary commands are killed at random moments, or the database under them; what is left must be the old world or the
new one, and the same command again must complete. Exit code 1 when anything else was found.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# ours before tests/, which has folders that bear our packages' names
sys.path += [str(ROOT), str(ROOT / "tests")]

from crashes import Outcome, drawn_moments, laboratory  # noqa: E402 - known only now

_HEADER = f"{'no':>3}  {'command':<9} {'killed':<9} {'after':>7} {'of usual':>8}  {'left':<9} {'rooms':>5}  wrong"


def line(n: int, found: Outcome) -> str:
    """One row of the table; what was wrong stands in full below it."""
    m = found.moment
    words = "".join(f"\n       {fault}" for fault in found.wrong)
    columns = (
        f"{n:>3}  {m.command:<9} {m.victim:<9} {found.seconds:>6.2f}s {m.part:>8.0%}  {found.left:<9} {found.rooms:>5}"
    )
    return f"{columns}  {len(found.wrong) or '-'}{words}"


def main() -> None:
    """Kill, look, try again; print the table."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--moments", type=int, default=50)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--start", type=float, default=0.0, help="leave out this part of each command's usual duration")
    given = asked.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the laboratory is taken down
    wrong = 0
    tally: dict[tuple[str, str], int] = {}
    with laboratory() as lab:
        sys.stdout.write(_HEADER + "\n")
        for n, moment in enumerate(drawn_moments(given.moments, seed=given.seed, start=given.start), 1):
            found = lab.kill(moment)
            wrong += bool(found.wrong)
            tally[moment.command, found.left] = tally.get((moment.command, found.left), 0) + 1
            sys.stdout.write(line(n, found) + "\n")
            sys.stdout.flush()
    counts = ", ".join(f"{command} {left}: {n}" for (command, left), n in sorted(tally.items()))
    sys.stdout.write(f"{given.moments} moments (seed {given.seed}): {counts}. Wrong: {wrong}.\n")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
