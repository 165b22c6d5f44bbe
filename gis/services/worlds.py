"""The worlds that decisions are made in, put together from what is stored and kept as long as that does not change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, cast

import numpy as np

from gis.areas import Feature
from gis.assignment.evidence import Decisions, decide
from gis.assignment.matters import Matters
from gis.assignment.parts import PartsIndex
from gis.assignment.places import Places
from gis.assignment.register import Register
from gis.assignment.world import Thresholds, World, depth_of_rules
from gis.parts import ACCURACY_M
from gis.quads import ranges
from gis.rights import ALL
from gis.services.platform import Platform
from gis.store import areas as area_store
from gis.store import parts as part_store
from gis.store.engine import Connection

__all__ = ["Known", "bare_world", "decide_in", "features_of", "parts_for", "parts_of", "places_of", "warm", "world_of"]

_HELD: Final = 500_000  #: versions of parts that a process holds from its start: some 150 MB
_FEW: Final = 64  #: so many matters have only the parts around them read
_FARTHEST: Final = 8.0  #: times the accuracy radius: no part beyond it is meant


@dataclass(frozen=True, slots=True)
class Known:
    """The registers and settings as they were: ids of the newest rows (units, territories, rules, categories,
    precedents, parts; none: before these were kept), and the thresholds."""

    ids: tuple[int, ...]
    thresholds: Thresholds


def decide_in(
    p: Platform, connection: Connection, release_id: int | None, matters: Matters, *, known: Known | None = None
) -> Decisions:
    """Decide matters in the world of a release, with registers and settings as they are, or as they were `known`."""
    register = p.register(connection, known=known.ids[:-1] if known else ())
    return decide(world_of(p, connection, release_id, matters, register=register, known=known), matters)


def world_of(
    p: Platform,
    connection: Connection,
    release_id: int | None,
    matters: Matters,
    *,
    register: Register,
    known: Known | None = None,
) -> World:
    """The world in which these matters are decided."""
    newest = known.ids[-1] if known and known.ids else part_store.version(connection)
    world = bare_world(p, connection, release_id, register, newest)
    if known:
        world = replace(world, thresholds=known.thresholds)
    return replace(world, parts=parts_for(p, lambda: connection, world, matters))


def bare_world(
    p: Platform, connection: Connection, release_id: int | None, register: Register, newest_part: int
) -> World:
    """A world without parts; `newest_part` is the id of the newest version of one that counts."""
    locator = p.locator_of(connection, release_id)
    depth = p.place.level_names.index(p.place.unit_level)
    return World(
        locator=locator,
        places=places_of(p, connection, release_id),
        parts=p.keep("no parts", lambda: _index([])),
        register=register,
        depth=depth,
        share_depth=depth_of_rules(locator, register, depth),
        line_accuracy=p.keep(("lines", release_id), lambda: area_store.line_accuracy(connection, release_id)),
        thresholds=Thresholds(p.place.desk_threshold, p.place.part_certain),
        newest_part=newest_part,
    )


def warm(p: Platform, today: date) -> None:
    """Make beforehand what the first report would wait for: the world of today, and the parts while they are not too
    many to be held by every process."""
    with p.store.begin(ALL) as connection:
        newest = part_store.version(connection)
        bare_world(p, connection, area_store.release_on(connection, today), p.register(connection), newest)
        if newest <= _HELD:
            p.keep(("parts", newest), lambda: parts_of(connection, newest))


def features_of(p: Platform, connection: Connection, release_id: int | None) -> list[Feature]:
    """The map features of a release; what a release holds never changes."""
    return p.keep(("features", release_id), lambda: area_store.load_features(connection, release_id))


def places_of(p: Platform, connection: Connection, release_id: int | None) -> Places:
    """The index over a release's map features."""
    return p.keep(("places", release_id), lambda: Places(features_of(p, connection, release_id)))


def parts_for(p: Platform, rest: Callable[[], Connection], world: World, matters: Matters) -> PartsIndex:
    """The parts that may be meant: none where no category is about parts, those around where the matters are few.

    `rest` gives the connection, and is called only when parts have to be read.
    """
    if not world.register.speak_of_parts(matters):
        return world.parts
    about = np.array([bool(types) for types in world.register.part_types_of(matters)], dtype=bool)
    newest = world.newest_part
    if (kept := p.kept(("parts", newest))) is not None:
        return cast(PartsIndex, kept)
    if about.sum() <= _FEW:
        few = matters.taken(about)
        picked = few.part[few.part != ""].tolist()
        return _index(part_store.matching(rest(), newest, boxes=_boxes(few), picked=picked))
    return p.keep(("parts", newest), lambda: parts_of(rest(), newest))


def parts_of(connection: Connection, newest: int) -> PartsIndex:
    """The index over all versions of parts up to the id `newest`."""
    return _index(part_store.matching(connection, newest))


def _boxes(matters: Matters) -> list[tuple[int, int]]:
    """Ranges of quad keys around spots, wide enough for every part that may be meant."""
    reach = np.maximum(matters.accuracy, max(ACCURACY_M.values())) * _FARTHEST
    found: list[tuple[int, int]] = []
    for x, y, r in zip(matters.x, matters.y, reach, strict=True):
        if np.isfinite(x) and np.isfinite(y):
            found += ranges((x - r, y - r, x + r, y + r), at_most=16)
    return sorted(set(found))


def _index(rows: Sequence[Any]) -> PartsIndex:
    def column(name: str, kind: Any = object) -> Any:
        return np.array([getattr(row, name) for row in rows], dtype=kind)

    return PartsIndex(
        id=column("id", np.int64),
        code=column("code"),
        type=column("type"),
        owner_unit=column("owner_unit"),
        maintenance_unit=column("maintenance_unit"),
        supervising_unit=column("supervising_unit"),
        accuracy_class=column("accuracy_class"),
        state=column("state"),
        valid_from=column("valid_from", "datetime64[D]"),
        valid_to=column("valid_to", "datetime64[D]"),
        x=column("x", float),
        y=column("y", float),
    )
