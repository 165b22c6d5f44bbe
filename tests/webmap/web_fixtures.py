"""The web application on the session's town, with a handful of cases of a week of October 2026."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from reported import report_cases

from gis.services.platform import Platform
from webmap import create_app


@pytest.fixture
def numbers(platform: Platform) -> list[str]:
    return report_cases(platform)


def app_of(platform: Platform, *, open_to_all: bool) -> Flask:
    app = create_app(replace(platform.settings, secret="of the tests"), open_to_all=open_to_all, platform=platform)
    app.testing = True
    return app


@pytest.fixture
def app(platform: Platform) -> Flask:
    return app_of(platform, open_to_all=True)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Somebody on this machine: a planner."""
    return app.test_client()


@pytest.fixture
def public(platform: Platform) -> FlaskClient:
    """Somebody from outside."""
    return app_of(platform, open_to_all=False).test_client()
