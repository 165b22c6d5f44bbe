"""Class limits of a map's colours."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import numpy as np

__all__ = ["breaks", "rounded"]

#: shares of the values above zero that lie below each limit: the darkest colour is for the highest twentieth
SHARES: Final = (0.35, 0.65, 0.85, 0.95)
#: the same for so few values that a twentieth of them is none
FEW: Final = 20
SHARES_OF_FEW: Final = (0.25, 0.5, 0.75)


def breaks(values: Iterable[float]) -> list[float]:
    """Ascending limits between classes of the values above zero, in two significant figures; fewer where they coincide.

    A value belongs to the class of the highest limit it reaches; zero has a class of its own.

    >>> breaks(range(41))
    [15.0, 26.0, 34.0, 38.0]
    >>> breaks([0, 1, 2, 3, 4, 5, 6, 7])
    [2.5, 4.0, 5.5]
    >>> breaks([0, 0]), breaks([5, 5, 5])
    ([], [])
    """
    above = np.array([v for v in values if v > 0], dtype=float)
    if not len(above):
        return []
    found = {rounded(float(limit)) for limit in np.quantile(above, SHARES if len(above) >= FEW else SHARES_OF_FEW)}
    return sorted(limit for limit in found if above.min() < limit <= above.max())


def rounded(value: float) -> float:
    """A positive number in two significant figures.

    >>> rounded(1234.0), rounded(0.04567)
    (1200.0, 0.046)
    """
    return round(value, 1 - math.floor(math.log10(value)))
