"""Who answers: the line (条线) by rule, else the territory (属地), for many reports at once.

The rule of confidence is simple here: with a 68 % accuracy radius r the error is an isotropic Gaussian of
σ = r / 1.515 (Rayleigh: P(R < r) = 1 − exp(−r²/2σ²) = 0.68), and beyond a straight border at distance d lies the share
1 − Φ(d/σ) of it. A point nearer to a territory's border than its accuracy, Φ(d/σ) < Φ(1.515) = 0.935, waits at the
border desk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from gis.rules import Rule
from gis.units import Territory, Unit

__all__ = ["SIGMA_OF_68", "Register", "Rulings", "confidence_of", "decide_many", "needs_desk"]

#: a 68 % radius holds 1.515 σ of an isotropic Gaussian error (decision 4 of the architecture)
SIGMA_OF_68: Final = 1.515

Objects = NDArray[np.object_]
Ints = NDArray[np.int64]
Days = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class Register:
    """Every version of units, territories and rules; which are in force follows from the day asked for."""

    units: tuple[Unit, ...]
    territories: tuple[Territory, ...]
    rules: tuple[Rule, ...]

    def external(self) -> frozenset[str]:
        return frozenset(unit.code for unit in self.units if unit.kind == "external")

    def succeeded(self, chosen: Sequence[tuple[str, str, date]]) -> Register:
        """With (ending area, its successor, first day): territories and rules that named the one name the other too.

        A territory that the successor has by itself goes before. The rows stored stay as they are, so that taking a
        release back takes its successions back.
        """
        territories, rules = list(self.territories), list(self.rules)
        for ending, successor, day in chosen:
            own = [t for t in territories if t.area_code == successor and (t.valid_to is None or t.valid_to > day)]
            alive = [t for t in territories if t.area_code == ending and (t.valid_to is None or t.valid_to > day)]
            if not own:
                territories += [replace(t, area_code=successor, valid_from=max(t.valid_from, day)) for t in alive]
            named = [r for r in rules if r.area == ending and (r.valid_to is None or r.valid_to > day)]
            rules += [replace(r, area=successor, valid_from=max(r.valid_from, day)) for r in named]
        return Register(self.units, tuple(territories), tuple(rules))


@dataclass(frozen=True, slots=True)
class Rulings:
    """For n reports: the unit that leads ('' = none), the territory's unit, the rule's index (-1 = the territory),
    the unit that would be next ('' = none), where a case not ours is forwarded to, and whether it is ours."""

    unit: Objects
    territory: Objects
    rule: Ints
    runner_up: Objects
    forward_to: Objects
    scope: NDArray[np.bool_]


def decide_many(
    register: Register, *, category: Objects, territory_code: Objects, finest_code: Objects, day: Days
) -> Rulings:
    """Decide n reports; `territory_code` is the code of the unit-level area ('' outside), `finest_code` the code of the
    finest area, which the rules' area prefixes are compared with, `day` datetime64[D].

    >>> from datetime import date
    >>> register = Register(
    ...     (Unit("S1", "", "", "street", "", then := date(2020, 1, 1)), Unit("D1", "", "", "department", "", then)),
    ...     (Territory("01", "S1", then),),
    ...     (Rule("R1", 1, "05", "", "D1", "河道", "rivers", then),),
    ... )
    >>> day = np.array(["2026-01-01"] * 3, dtype="datetime64[D]")
    >>> rulings = decide_many(register, category=np.array(["0501", "0101", "0501"], dtype=object),
    ...     territory_code=np.array(["01", "01", ""], dtype=object), day=day,
    ...     finest_code=np.array(["01", "01", ""], dtype=object))
    >>> rulings.unit.tolist(), rulings.runner_up.tolist(), rulings.scope.tolist()
    (['D1', 'S1', ''], ['S1', '', ''], [True, True, False])
    """
    territory = _territory_units(register.territories, territory_code, day)
    external = np.isin(territory.astype(str), list(register.external()))
    ours = (territory != "") & ~external
    first, second = _matching_rules(register.rules, category, finest_code, day, ours)
    units = np.array([rule.unit for rule in register.rules] + [""], dtype=object)
    unit = np.where(first >= 0, units[first], np.where(ours, territory, ""))
    after = np.where(second >= 0, units[second], np.where(first >= 0, territory, ""))
    return Rulings(
        unit=unit,
        territory=np.where(external, "", territory),
        rule=first,
        runner_up=np.where(ours, after, ""),
        forward_to=np.where(external, territory, ""),
        scope=ours,
    )


def _territory_units(territories: Sequence[Territory], code: Objects, day: Days) -> Objects:
    codes, inverse = np.unique(code.astype(str), return_inverse=True)
    out = np.full(len(code), "", dtype=object)
    place = {text: i for i, text in enumerate(codes.tolist())}
    for territory in territories:
        at = place.get(territory.area_code)
        if at is not None:
            out[(inverse == at) & _in_force(territory, day)] = territory.unit
    return out


def _matching_rules(
    rules: Sequence[Rule], category: Objects, finest: Objects, day: Days, ours: NDArray[np.bool_]
) -> tuple[Ints, Ints]:
    """Indices of the first and second rule that match each report, -1 where there is none."""
    categories, category_of = np.unique(category.astype(str), return_inverse=True)
    codes, code_of = np.unique(finest.astype(str), return_inverse=True)
    first = np.full(len(category), -1, dtype=np.int64)
    second = np.full(len(category), -1, dtype=np.int64)
    for i in sorted(range(len(rules)), key=lambda i: (rules[i].order, rules[i].code)):
        rule = rules[i]
        match = np.char.startswith(categories, rule.category)[category_of] & ours & _in_force(rule, day)
        if rule.area:
            match &= np.char.startswith(codes, rule.area)[code_of]
        # A second rule for the unit that leads already is no runner-up.
        led = (first >= 0) & match & (second < 0)
        second[led & (np.array([r.unit for r in rules] + [""], dtype=object)[first] != rule.unit)] = i
        first[match & (first < 0)] = i
    return first, second


def _in_force(row: Territory | Rule, day: Days) -> NDArray[np.bool_]:
    inside = day >= np.datetime64(row.valid_from, "D")
    return inside if row.valid_to is None else inside & (day < np.datetime64(row.valid_to, "D"))


def confidence_of(border_distance: NDArray[np.float64], accuracy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the position error on this side of the nearest border, seen as straight: Φ(d / σ), σ = r / 1.515.

    >>> confidence_of(np.array([0.0, 10.0, 1e9]), np.array([10.0, 10.0, 10.0])).round(3).tolist()
    [0.5, 0.935, 1.0]
    """
    return np.asarray(ndtr(border_distance * SIGMA_OF_68 / accuracy), dtype=np.float64)


def needs_desk(border_distance: NDArray[np.float64], accuracy: NDArray[np.float64]) -> NDArray[np.bool_]:
    """True where the point is nearer to the border than its accuracy, which is Φ(d/σ) < 0.935."""
    return border_distance < accuracy
