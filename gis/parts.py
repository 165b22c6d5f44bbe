"""Parts (部件): public facilities with a position, an owner and a maintenance unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["PARTS_STATES", "PartBatch"]

#: 完好, 破损, 丢失, 废弃, 移除
PARTS_STATES = ("intact", "damaged", "missing", "abandoned", "removed")


@dataclass(frozen=True, slots=True)
class PartBatch:
    """Parts as columns of one length; x, y metres in the working CRS; texts are object arrays; dates datetime64[D]."""

    code: NDArray[np.object_]
    type: NDArray[np.object_]
    name: NDArray[np.object_]
    owner_unit: NDArray[np.object_]
    maintenance_unit: NDArray[np.object_]
    state: NDArray[np.object_]
    accuracy_class: NDArray[np.object_]
    data_source: NDArray[np.object_]
    initial_date: NDArray[np.datetime64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.code)
