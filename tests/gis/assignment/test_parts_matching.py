"""Which part a report means, against the simple way: every part asked one by one."""

from __future__ import annotations

import math
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.assignment.parts import SEARCH_SIGMAS, Asked, PartMatch, PartsIndex, match
from gis.parts import ACCURACY_M

DAY = "2026-03-01"
COVERS, LAMPS = ("01001", "01002"), ("01037",)


def objects(values: Sequence[Any]) -> np.ndarray[Any, Any]:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def index_of(*rows: dict[str, Any]) -> PartsIndex:
    """Parts of which each says only what is unusual about it."""
    plain = {
        "type": "01037", "owner_unit": "O", "maintenance_unit": "M", "supervising_unit": "S", "accuracy_class": "A",
        "state": "intact", "valid_from": "NaT", "valid_to": "NaT", "x": 0.0, "y": 0.0,
    }  # fmt: skip
    full = [plain | {"id": i + 100, "code": f"P{i}"} | row for i, row in enumerate(rows)]
    kinds = {"id": "i8", "valid_from": "M8[D]", "valid_to": "M8[D]", "x": "f8", "y": "f8"}
    names = ("id", "code", *plain)
    return PartsIndex(**{n: np.array([row[n] for row in full], dtype=kinds.get(n, object)) for n in names})


def ask(*spots: tuple[float, float], **said: Any) -> Asked:
    """Reports about lamps of σ 5 m, each at its spot."""
    n = len(spots)
    given = {"sigma": 5.0, "types": LAMPS, "day": DAY, "picked": ""} | said
    return Asked(
        np.array([spot[0] for spot in spots], dtype=float),
        np.array([spot[1] for spot in spots], dtype=float),
        np.full(n, given["sigma"], dtype=float),
        objects([given["types"]] * n),
        np.full(n, given["day"], dtype="M8[D]"),
        objects([given["picked"]] * n),
    )


def row_of(*units: str, apart: float = 5.0) -> PartsIndex:
    return index_of(*({"maintenance_unit": unit, "x": i * apart} for i, unit in enumerate(units)))


def told(found: PartMatch, i: int = 0) -> tuple[int, str, bool]:
    return int(found.part[i]), found.maintainer[i], bool(found.unclear[i])


def test_a_part_that_stands_alone_is_meant() -> None:
    found = match(index_of({"x": 3.0}), ask((0, 0)))
    assert told(found) == (0, "M", False)
    assert (found.owner[0], found.supervisor[0]) == ("O", "S")
    assert (found.point.tolist(), found.candidate.tolist(), found.share.tolist()) == ([0], [0], [1.0])


@pytest.mark.parametrize("apart", [5.0, 10.0])
def test_parts_in_a_row_are_unclear_unless_one_unit_maintains_them(apart: float) -> None:
    # Reports of each lamp with a σ of 5 m: the nearest is the right one 38 % of the time at 5 m, 68 % at 10 m.
    rng = np.random.Generator(np.random.PCG64(1))
    spots = [(20 * apart + x, y) for x, y in rng.normal(0.0, 5.0, (4000, 2)).tolist()]
    mixed = match(row_of(*(f"M{i}" for i in range(41)), apart=apart), ask(*spots))
    first = mixed.candidate[np.unique(mixed.point, return_index=True)[1]]
    nearest = np.sum(first == 20) / len(spots)
    assert nearest == pytest.approx({5.0: 0.38, 10.0: 0.68}[apart], abs=0.03)
    assert np.mean(mixed.unclear) > 0.98
    one = match(row_of(*["M"] * 41, apart=apart), ask(*spots))
    assert not one.unclear.any()
    has_candidates = np.bincount(one.point, minlength=len(spots)) > 0
    assert set(one.maintainer[has_candidates]) == {"M"}
    assert not (mixed.part[mixed.unclear] >= 0).any()


def test_parts_without_a_maintainer_do_not_agree_on_one() -> None:
    found = match(row_of("", "", ""), ask((5, 0)))
    assert told(found) == (-1, "", True)
    assert told(match(row_of(""), ask((5, 0)))) == (0, "", False)


def test_the_search_holds_99_of_100_true_parts() -> None:
    rng = np.random.Generator(np.random.PCG64(2))
    spread = math.hypot(5.0, ACCURACY_M["B"])
    found = match(index_of({"accuracy_class": "B"}), ask(*rng.normal(0.0, spread, (20_000, 2)).tolist()))
    assert len(found.point) / 20_000 == pytest.approx(0.99, abs=0.002)


@pytest.mark.parametrize(("word", "sigma"), [("A", 0.5), ("B", 1.0), ("C", 10.0), ("", 10.0)])
def test_a_part_is_sought_as_far_as_its_class_and_the_report_are_off(word: str, sigma: float) -> None:
    far = SEARCH_SIGMAS * math.hypot(5.0, sigma)
    found = match(index_of({"accuracy_class": word}), ask((far - 0.001, 0), (far + 0.001, 0)))
    assert found.part.tolist() == [0, -1]
    assert found.unclear.tolist() == [False, False]


def test_only_parts_of_the_kind_that_are_there_that_day_are_meant() -> None:
    index = index_of(
        {"type": "01001"},
        {"state": "removed"},
        {"valid_from": "2026-03-02"},
        {"valid_to": "2026-03-01"},
        {"valid_from": "2026-03-01", "valid_to": "2026-03-02", "x": 1.0},
    )
    assert match(index, ask((0, 0))).part.tolist() == [4]
    assert match(index, ask((0, 0), types=COVERS)).part.tolist() == [0]
    assert match(index, ask((0, 0), types=("01",))).candidate.tolist() == [0, 4]
    nothing = match(index, ask((0, 0), types=()))
    assert (len(nothing.point), told(nothing)) == (0, (-1, "", False))


def test_a_part_that_was_picked_is_taken_wherever_the_spot_is() -> None:
    index = row_of("M0", "M1", "M2")
    found = match(index, ask((0, 0), (500, 0), (math.nan, 0), picked="P2"))
    assert found.part.tolist() == [2, 2, 2]
    assert set(found.maintainer) == {"M2"}
    assert not found.unknown_pick.any()
    assert match(index, ask((0, 0), picked="P2", types=())).part.tolist() == [-1]


@pytest.mark.parametrize("code", ["P9", "A", "Z", "P1", "P2"])
def test_a_pick_that_is_not_there_is_said_and_the_spot_decides(code: str) -> None:
    index = index_of({}, {"state": "removed"}, {"valid_to": "2026-01-01"})
    found = match(index, ask((0, 0), picked=code))
    assert found.unknown_pick.tolist() == [True]
    assert told(found) == (0, "M", False)


def test_a_pick_is_the_version_of_its_day() -> None:
    index = index_of(
        {"code": "P", "valid_from": "2026-03-01", "maintenance_unit": "new"},
        {"code": "P", "valid_to": "2026-03-01", "maintenance_unit": "old"},
        {"code": "O"},
    )
    assert match(index, ask((0, 0), picked="P", day="2026-03-01")).maintainer[0] == "new"
    assert match(index, ask((0, 0), picked="P", day="2026-02-28")).maintainer[0] == "old"


def test_without_parts_or_reports_nothing_is_found() -> None:
    assert told(match(index_of(), ask((0, 0)))) == (-1, "", False)
    assert match(index_of(), ask((0, 0), picked="P")).unknown_pick.tolist() == [True]
    assert len(match(index_of({}), ask()).part) == 0
    assert told(match(index_of({}), ask((math.nan, 0)))) == (-1, "", False)


def test_an_index_can_be_pickled_also_after_use() -> None:
    index = row_of("M0", "M1")
    match(index, ask((0, 0)))
    again = match(pickle.loads(pickle.dumps(index)), ask((0, 0)))
    assert again.share.tolist() == match(index, ask((0, 0))).share.tolist()


def simply(index: PartsIndex, asked: Asked, i: int) -> list[tuple[int, float]]:
    """Candidates of one report with their shares, the largest first."""
    weights: dict[int, float] = {}
    for k in range(len(index)):
        variance = asked.sigma[i] ** 2 + ACCURACY_M[index.accuracy_class[k] or "C"] ** 2
        squared = (index.x[k] - asked.x[i]) ** 2 + (index.y[k] - asked.y[i]) ** 2
        there = index.valid_from[k] <= asked.day[i] < index.valid_to[k] and index.state[k] != "removed"
        named = any(index.type[k].startswith(prefix) for prefix in asked.types[i])
        if there and named and squared <= SEARCH_SIGMAS**2 * variance:
            weights[k] = math.exp(-squared / (2 * variance)) / variance
    return sorted(((k, w / sum(weights.values())) for k, w in weights.items()), key=lambda row: (-row[1], row[0]))


def agreed(rows: list[tuple[int, float]], units: Any) -> str:
    sums: dict[str, float] = {}
    for k, share in rows:
        sums[units[k]] = sums.get(units[k], 0.0) + share
    return next((unit for unit, share in sums.items() if share >= 0.9 - 1e-9), "")


@given(st.integers(0, 10_000), st.integers(0, 60), st.integers(0, 30))
@settings(deadline=None, max_examples=60)
def test_many_at_once_equal_every_part_asked_one_by_one(seed: int, parts: int, reports: int) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    first = np.datetime64("2026-01-01")
    index = PartsIndex(
        np.arange(parts),
        objects([f"P{k}" for k in range(parts)]),
        *(objects(rng.choice(words, parts).tolist()) for words in (
            ["01001", "01002", "01037", "02010"], ["O1", ""], ["M1", "M2", ""], ["S1", "S2"], ["A", "B", "C", ""],
            ["intact", "damaged", "removed"],
        )),
        first + rng.integers(0, 40, parts), first + rng.integers(60, 100, parts),
        rng.uniform(0, 60, parts), rng.uniform(0, 60, parts),
    )  # fmt: skip
    kinds = [COVERS, LAMPS, (), ("02", "01001")]
    asked = Asked(
        rng.uniform(0, 60, reports),
        rng.uniform(0, 60, reports),
        rng.uniform(1, 15, reports),
        objects([kinds[k] for k in rng.integers(0, 4, reports).tolist()]),
        first + rng.integers(0, 100, reports),
        objects([""] * reports),
    )
    found = match(index, asked)
    for i in range(reports):
        rows, mine = simply(index, asked, i), found.point == i
        assert found.candidate[mine].tolist() == [k for k, _ in rows]
        assert found.share[mine] == pytest.approx([share for _, share in rows])
        clear = bool(rows) and rows[0][1] >= 0.9
        assert found.part[i] == (rows[0][0] if clear else -1)
        assert found.maintainer[i] == agreed(rows, index.maintenance_unit)
        assert (found.owner[i], found.supervisor[i]) == (
            agreed(rows, index.owner_unit),
            agreed(rows, index.supervising_unit),
        )
        assert found.unclear[i] == (bool(rows) and not clear and not found.maintainer[i])
    assert found.point.tolist() == sorted(found.point.tolist())
