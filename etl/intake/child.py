"""The child of `etl.sandbox`: takes one job as JSON on its standard input, answers JSON on its standard output.

It gives up what it can (`etl.intake.confine`) before it looks at the first byte. What goes wrong here is answered as
one word (`gave_up`), from which the parent makes a sentence: a traceback names folders of the machine.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from etl.intake.confine import confine, die_with_parent, leave_network


def main() -> None:
    """Do one job. Whatever a library prints goes to the error output, the answer alone to the standard output."""
    answer_to = os.dup(1)
    os.dup2(2, 1)
    answer = memoryview(json.dumps(_answered(json.load(sys.stdin))).encode())
    while answer:  # written without a buffer: there may be no memory left for one
        answer = answer[os.write(answer_to, answer) :]


def _answered(job: dict[str, Any]) -> dict[str, Any]:
    try:
        return _done(job)
    except MemoryError:
        return {"gave_up": "memory"}
    except OSError as fault:
        traceback.print_exc()
        full = fault.errno in (errno.ENOSPC, errno.EDQUOT)
        return {"gave_up": "disk" if full else "size" if fault.errno == errno.EFBIG else "broken"}
    except Exception:  # noqa: BLE001 - a hostile file may raise anything; it becomes the file's fault, said in words
        traceback.print_exc()
        return {"gave_up": "broken"}


def _done(job: dict[str, Any]) -> dict[str, Any]:
    die_with_parent(int(job["parent"]))
    leave_network()
    folder = Path(job["folder"])
    # Libraries are loaded while the interpreter's folder can still be read: it may lie in a private home.
    if job["do"] == "read":
        from etl.intake import opening

        opening.load_libraries()
        held = confine(job)
        return {**opening.read(folder, job["driver"], job["sources"]), "held": held}
    from etl.intake import recognise

    recognise.load_codecs()
    held = confine(job)
    return {**recognise.unpack(folder, job["limit"]), "held": held}


if __name__ == "__main__":
    main()
