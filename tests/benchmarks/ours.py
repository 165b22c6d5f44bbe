"""One run of our own pipeline in a process of its own: what each step took, as one JSON text.

Everything is imported before the first step is timed. The start of the sandbox's children and what they import can't
be kept out of a reading, so it is measured on a delivery of one street and told beside it.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyarrow.csv
import scipy.sparse.csgraph

from etl.delivery import check_delivery
from gis.services import boundaries, impact
from gis.services.platform import Platform
from gis.settings import Settings, load_settings
from gis.store.engine import Store

IMPORTED = (gpd, pd, pyarrow.csv, scipy.sparse.csgraph, impact)
NOW = datetime(2026, 11, 2, 4, 0, tzinfo=UTC)
Seconds = dict[str, float]


def timed(seconds: Seconds, step: str, work: Callable[[], Any]) -> Any:
    """Do the work and note what it took."""
    began = time.perf_counter()
    done = work()
    seconds[step] = time.perf_counter() - began
    return done


def noting(at: dict[str, float]) -> Callable[[str], None]:
    """A listener that notes when each step began."""

    def on_step(step: str) -> None:
        at.setdefault(step, time.perf_counter())

    return on_step


def one_release(p: Platform, folder: Path) -> Mapping[str, Any]:
    """A delivery from its folder to being in force."""
    seconds: Seconds = {}
    at: dict[str, float] = {"begin": time.perf_counter()}
    checked = check_delivery(folder, p.place, on_step=noting(at))
    done = time.perf_counter()
    seconds["read"], seconds["check"] = at["topology"] - at["begin"], done - at["topology"]
    delivery = checked.require_clean({})
    staged = timed(seconds, "stage", lambda: boundaries.stage(p, delivery, by="one", now=NOW))
    timed(seconds, "approve", lambda: boundaries.approve(p, staged.release_id, by="two", now=NOW))
    timed(seconds, "activate", lambda: boundaries.activate(p, staged.release_id, by="two", now=NOW))
    seconds["total"] = sum(seconds.values())
    counts = {level: found["counts"] for level, found in staged.diff.items()}
    findings = sorted({f.kind for f in checked.findings})
    return {"seconds": seconds, "diff": counts, "findings": findings, "areas": sum(map(len, delivery.layers))}


def main() -> None:
    """Arguments: database address, place file, folder of the small delivery, folders of the releases in order."""
    url, place_file, small, *folders = sys.argv[1:]
    settings = replace(load_settings(), config=Path(place_file), database_url=url)
    p = Platform(Settings(settings.home, settings.config, url), Store.at(url))
    p.ping()
    at: dict[str, float] = {"begin": time.perf_counter()}
    check_delivery(Path(small), p.place, on_step=noting(at))
    releases = [one_release(p, Path(folder)) for folder in folders]
    p.close()
    own, children = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    told = {
        "children_start": at["topology"] - at["begin"],
        "releases": releases,
        "parent_kb": own,
        "child_kb": children,
    }
    sys.stdout.write(json.dumps(told, ensure_ascii=False))


if __name__ == "__main__":
    main()
