"""What decisions are made in: the areas and places of one release, the parts, the registers, the place's thresholds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gis.assignment.locator import Locator
from gis.assignment.parts import PartsIndex
from gis.assignment.places import Places
from gis.assignment.register import Register

__all__ = ["Thresholds", "World", "depth_of_rules"]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a place asks of a decision: `confidence` below which the border desk decides, `part` the share above which a
    part is taken silently."""

    confidence: float = 0.9
    part: float = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """Immutable; two matters of the same words are decided alike in one world.

    `depth` is the position of the territories' level (0: the coarsest), `share_depth` that of the level at which shares
    of the error area are taken, `line_accuracy` the σ of the release's lines in metres.
    """

    locator: Locator
    places: Places
    parts: PartsIndex
    register: Register
    depth: int
    share_depth: int
    line_accuracy: float
    thresholds: Thresholds
    newest_part: int = 0  #: the id of the newest version of a part when the world was made

    @property
    def unit_level(self) -> str:
        """The name of the territories' level."""
        return self.locator.areas.levels[self.depth].level


def depth_of_rules(locator: Locator, register: Register, depth: int) -> int:
    """The coarsest level, from that of the territories on, at which rules can tell areas apart.

    A rule for one community makes two communities of one street two answers; without such rules a street is one.
    """
    words = sorted({rule.area for rule in register.rules if rule.area})
    levels = locator.areas.levels
    for at in range(depth, len(levels)):
        codes = levels[at].codes.astype(str)
        words = [word for word in words if not (np.char.startswith(codes, word)).any()]
        if not words:
            return at
    return depth
