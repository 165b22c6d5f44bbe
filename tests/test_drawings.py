"""The drawn examples of docs/assignment.md are what the code says: every picture and every paragraph below one."""

from __future__ import annotations

import re

import pytest

from gis.analysis.sketch import Sketch
from scripts.draw_assignment import CASES, DOCUMENT, IMAGES, Case, drawn, retold


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_drawing_that_is_kept_is_the_one_that_is_made(case: Case) -> None:
    kept = (IMAGES / f"{case.name}.svg").read_text(encoding="utf-8")
    assert kept == drawn(case), "`python scripts/draw_assignment.py` draws them anew; look at them before you commit"


def test_the_document_says_what_the_code_tells_of_each() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert re.findall(r"\(images/assignment/([\w-]+)\.svg\)", text) == [case.name for case in CASES]
    assert retold(text) == text, "`python scripts/draw_assignment.py` puts the paragraphs in"
    assert {path.stem for path in IMAGES.glob("*.svg")} == {case.name for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_label_is_left_out(case: Case) -> None:
    picture = drawn(case)
    for code in case.areas:
        assert picture.count(f"（{code}）") == 2  # the halo and the ink


def test_a_label_without_a_free_place_is_left_out() -> None:
    sketch = Sketch((0.0, 0.0, 100.0, 20.0))
    for n in range(30):
        sketch.write(f"label {n}", (50.0, 10.0))
    assert 1 < sketch.svg().count(">label ") / 2 < 30
