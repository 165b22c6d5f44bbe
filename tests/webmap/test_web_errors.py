"""From each error to its answer."""

# ruff: noqa: F401, F811 - fixtures are imported by their names: a second conftest would clash with the first
from __future__ import annotations

import logging

import pytest
from flask import Flask
from web_fixtures import app

from gis import errors
from webmap.errors import STATUS, BodyFault, QueryFault, status_of

CLASSES = [
    found for found in vars(errors).values() if isinstance(found, type) and issubclass(found, errors.GridwardError)
]


@pytest.mark.parametrize("kind", [c for c in CLASSES if not c.__subclasses__()], ids=lambda c: c.__name__)
def test_every_error_has_a_status_of_its_own_family(kind: type[errors.GridwardError]) -> None:
    assert status_of(kind("text")) != STATUS[errors.GridwardError]


def test_faults_of_a_query_and_of_a_body_differ_in_status() -> None:
    fault = {"field": "x", "found": None, "wanted": "a number"}
    assert str(QueryFault([fault])) == "x is missing; wanted a number."
    assert (status_of(QueryFault([fault])), status_of(BodyFault([fault]))) == (400, 422)


def test_a_database_that_is_down_is_a_designed_page(app: Flask) -> None:
    @app.get("/down")
    def down() -> str:
        raise errors.DatabaseDown("The database does not answer; run gridward db up.")

    answer = app.test_client().get("/down?lang=en")
    assert answer.status_code == 503
    assert "run gridward db up" in answer.text


def test_what_nobody_foresaw_stays_in_the_log(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    @app.get("/api/broken")
    def broken() -> str:
        raise RuntimeError("a secret")

    with caplog.at_level(logging.ERROR):
        answer = app.test_client().get("/api/broken")
    assert answer.status_code == 500
    assert "a secret" not in answer.text
    assert "a secret" in caplog.text


def test_a_method_that_is_not_there_says_which_are(app: Flask) -> None:
    answer = app.test_client().delete("/api/v1/releases")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
