"""A report: what somebody says is wrong somewhere, before anything is decided about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

__all__ = ["Report", "ReportBatch"]


@dataclass(frozen=True, slots=True)
class Report:
    """One report as it came in; x, y in `crs`, accuracy the radius in metres that holds the share `level` of the error.

    `part` is the identifier of the part that the reporter picked, '' for none.
    """

    x: float
    y: float
    crs: str
    category: str
    source: str
    received_at: datetime
    accuracy: float | None = None
    description: str = ""
    level: float | None = None  #: share of the error that the radius holds; None: as the place says
    part: str = ""  #: identifier of the part that the reporter picked


@dataclass(frozen=True, slots=True)
class ReportBatch:
    """Many reports as columns of one length; row i of the batch is row `row[i]` of the file.

    x, y: float64 in `crs`; working_x, working_y: float64 metres; received, closed: datetime64[us] UTC, NaT = not
    closed; accuracy: float64 metres; level: the share of the error that an accuracy's radius holds, one for all or one
    for each; part: identifier that the reporter picked, '' = none; the others are object arrays of str.
    """

    row: NDArray[np.int64]
    key: NDArray[np.object_]
    digest: NDArray[np.object_]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    crs: str
    working_x: NDArray[np.float64]
    working_y: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    received: NDArray[np.datetime64]
    closed: NDArray[np.datetime64]
    category: NDArray[np.object_]
    source: NDArray[np.object_]
    description: NDArray[np.object_]
    level: float | NDArray[np.float64] = 0.68
    part: str | NDArray[np.object_] = ""
    id: NDArray[np.int64] | None = None  #: the numbers of the cases that the reports become, once they have some

    def __len__(self) -> int:
        return len(self.row)
