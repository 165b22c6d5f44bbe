"""Build a locator in its own process, answer one point, make the raster, answer a million: seconds, memory as JSON.

Run twice: the first run fills the cache of compiled code. Arguments: the pickled areas, how many points to locate.
"""

from __future__ import annotations

import json
import pickle
import sys
import time
from pathlib import Path

from grounds import uniform_points

from gis.assignment.locator import Locator


def memory_mb(what: str) -> float:
    """Resident memory of this process in MB: VmRSS now, VmHWM at its highest."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))


def main() -> None:
    """Build, answer, tell."""
    areas = pickle.loads(Path(sys.argv[1]).read_bytes())
    x, y = uniform_points(areas, int(sys.argv[2]))
    before = memory_mb("VmRSS")
    began = time.perf_counter()
    locator = Locator(areas)
    locator.locate_many(x[:1], y[:1])
    first = time.perf_counter() - began
    locator.build()
    built = time.perf_counter() - began
    after = memory_mb("VmRSS")
    locator.locate_many(x, y)
    told = {"first": first, "seconds": built, "build_mb": after - before, "peak_mb": memory_mb("VmHWM")}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
