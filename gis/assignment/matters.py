"""What is to be decided: n reports as columns, with everything that a decision may ask of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Matters"]

Floats = NDArray[np.float64]
Objects = NDArray[np.object_]


@dataclass(frozen=True, slots=True, eq=False)
class Matters:
    """n reports as columns of one length. x, y: metres of the working CRS; accuracy: radius in metres that holds the
    share `level` of the position's error; day: datetime64[D], the place's; minute: of that day, local; part: the
    identifier that the reporter picked, '' for none."""

    x: Floats
    y: Floats
    accuracy: Floats
    level: Floats
    category: Objects
    source: Objects
    day: NDArray[np.datetime64]
    minute: NDArray[np.int64]
    part: Objects

    def __len__(self) -> int:
        return len(self.x)

    def taken(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> Matters:
        """The rows `which`, a mask or positions (repeats allowed)."""
        return Matters(**{name: getattr(self, name)[which] for name in self.__slots__})
