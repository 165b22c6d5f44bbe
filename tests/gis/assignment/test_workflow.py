"""Every pair of states: the allowed steps pass, all others are refused with what may follow."""

from __future__ import annotations

from itertools import product

import pytest

from gis.assignment.workflow import STATES, TRANSITIONS, require_step
from gis.errors import StepRefused

ALLOWED = [(a, b) for a in STATES for b in TRANSITIONS[a]]
FORBIDDEN = [pair for pair in product(STATES, STATES) if pair not in ALLOWED]


@pytest.mark.parametrize(("found", "wanted"), sorted(ALLOWED))
def test_an_allowed_step_passes(found: str, wanted: str) -> None:
    require_step(found, wanted)


@pytest.mark.parametrize(("found", "wanted"), sorted(FORBIDDEN))
def test_a_forbidden_step_is_refused(found: str, wanted: str) -> None:
    with pytest.raises(StepRefused, match=f"The case is {found}, from which {wanted} cannot follow"):
        require_step(found, wanted)


def test_nothing_follows_a_closed_case_and_everything_can_end() -> None:
    assert TRANSITIONS["closed"] == frozenset()
    assert all("closed" in TRANSITIONS[state] for state in STATES if state not in ("closed", "reported"))
