"""POST /api/v1/reports: one report, one case, however often it is sent."""

# ruff: noqa: F401, F811 - fixtures are imported by their names: a second conftest would clash with the first
from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import openapi_judge
import pandas as pd
import pytest
import town
from flask.testing import FlaskClient
from web_fixtures import app, client, public
from werkzeug.test import TestResponse

from etl.part_tables import PartsFile
from etl.parts import read_parts
from gis.services import parts, registers
from gis.services.platform import Platform

SPOT = {"x": 493050, "y": 3517350, "crs": "EPSG:4549", "category": "0101"}
PART = {
    "code": "32040401001000001", "name": "供水井盖", "owner_unit": "D1", "maintenance_unit": "",
    "supervising_unit": "S1",
    "state": "intact", "accuracy_class": "A", "data_source": "实测", "initial_date": "2019-03-01", "change_date": "",
    "x": "493050", "y": "3517350",
}  # fmt: skip
GONE = "32040401001000002"


def send(client: FlaskClient, body: Any = None, **headers: str) -> TestResponse:
    text = body if isinstance(body, str) else json.dumps(SPOT if body is None else body)
    return client.post("/api/v1/reports", data=text, content_type="application/json", headers=headers)


def test_a_report_becomes_a_case_at_once(client: FlaskClient) -> None:
    answer = send(client, {**SPOT, "description": "路边垃圾", "accuracy": 5})
    assert answer.status_code == 201
    assert set(answer.json) == {"case", "unit", "state", "deadline", "evidence"}
    assert answer.json["unit"] == {"code": "S1", "name": "东街街道"}
    assert answer.json["deadline"] is None
    assert answer.headers["Location"] == f"/api/v1/cases/{answer.json['case']}"
    assert client.get(answer.headers["Location"]).json["description"] == "路边垃圾"


def test_the_answer_is_as_described(client: FlaskClient) -> None:
    names = client.get("/api/openapi.json").json["components"]["schemas"]
    assert list(openapi_judge.faults(send(client).json, names["Reported"], names)) == []


def test_the_answer_tells_what_why_tells_and_what_a_retry_is_told(client: FlaskClient) -> None:
    body = {**SPOT, "description": "路边垃圾", "accuracy": 80, "client_id": "a-1"}
    told, again = send(client, body).json, send(client, body).json
    assert told == again == {**told, "evidence": client.get(f"/api/v1/cases/{told['case']}/why").json["evidence"]}


def test_a_category_that_is_none_is_named_as_any_other_fault(client: FlaskClient) -> None:
    answer = send(client, {**SPOT, "category": "99"})
    assert answer.status_code == 422
    assert answer.json["errors"] == [
        {"field": "category", "found": "99", "wanted": "the code of a category in force today"}
    ]


def test_the_same_report_again_is_the_same_case(client: FlaskClient) -> None:
    body = {**SPOT, "client_id": "a-1"}
    first, again = send(client, body), send(client, body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json == again.json


def test_the_same_id_with_other_words_is_refused(client: FlaskClient) -> None:
    send(client, {**SPOT, "client_id": "a-1"})
    answer = send(client, {**SPOT, "client_id": "a-1", "description": "another"})
    assert answer.status_code == 409
    assert "a-1" in answer.json["detail"]


def test_another_device_with_the_same_id_gets_a_case_of_its_own(client: FlaskClient) -> None:
    body = {**SPOT, "client_id": "a-1"}
    mine = send(client, body, **{"X-Device-Token": "mine"})
    other = send(client, body, **{"X-Device-Token": "other"})
    again = send(client, body, **{"X-Device-Token": "mine"})
    assert (mine.status_code, other.status_code, again.status_code) == (201, 201, 200)
    assert mine.json["case"] == again.json["case"] != other.json["case"]


def test_an_answer_to_a_report_sets_no_cookie(client: FlaskClient) -> None:
    assert "Set-Cookie" not in send(client).headers


def test_a_visited_page_names_the_device_from_then_on(client: FlaskClient) -> None:
    body = {**SPOT, "client_id": "a-1"}
    unknown = send(client, body)
    client.get("/")
    assert send(client, body).json["case"] != unknown.json["case"]
    assert send(client, body).status_code == 200


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", '"119.9"', "true", "null", "1e400", "[1]"])
def test_a_coordinate_must_be_a_finite_number(client: FlaskClient, number: str) -> None:
    answer = send(client, f'{{"x": {number}, "y": 3517350, "crs": "EPSG:4549", "category": "0101"}}')
    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json["errors"]] == ["x"]
    json.loads(answer.text, parse_constant=pytest.fail)  # Infinity is no word of JSON


def test_every_fault_of_a_body_is_named_at_once(client: FlaskClient) -> None:
    body = {
        "x": "a",
        "crs": "EPSG:1",
        "category": "99",
        "accuracy": 0,
        "source": "rumour",
        "client_id": 5,
        "colour": "red",
    }
    answer = send(client, body)
    assert answer.status_code == 422
    named = {fault["field"] for fault in answer.json["errors"]}
    assert named == {"x", "y", "crs", "category", "accuracy", "source", "client_id", "colour"}


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x" * 2001])
def test_a_description_the_database_cannot_hold_is_refused(client: FlaskClient, text: str) -> None:
    assert send(client, {**SPOT, "description": text}).status_code == 422


@pytest.mark.parametrize("text", ["", "{", "[1]", '"text"', "[" * 60000, b"\xff".decode("latin-1")])
def test_what_is_no_object_in_json_is_refused(client: FlaskClient, text: str) -> None:
    assert send(client, text).status_code == 400


def test_only_json_is_taken(client: FlaskClient) -> None:
    answer = client.post("/api/v1/reports", data={"x": "1"})
    assert (answer.status_code, answer.mimetype) == (415, "application/problem+json")


def test_a_body_over_the_limit_is_refused(client: FlaskClient) -> None:
    assert send(client, {**SPOT, "description": "x" * 70_000}).status_code == 413


def test_a_point_outside_is_a_case_all_the_same(client: FlaskClient) -> None:
    answer = send(client, {**SPOT, "x": 480000})
    assert (answer.status_code, answer.json["state"], answer.json["unit"]) == (201, "outside", None)


def test_the_public_may_report(public: FlaskClient, platform: Platform) -> None:
    answer = send(public)
    assert answer.status_code == 201
    assert answer.json["evidence"]["outcome"] == "located"


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (
            (119.93, 31.78, "EPSG:4549"),
            r"3,5\d\d km from 钟楼区; wanted a position within 50 km of its extent .* degrees: they",
        ),
        ((0.0, 0.0, "EPSG:4326"), r"12,\d\d\d km from 钟楼区.*Check the CRS, and that x is east and y is north"),
        ((40493050.0, 3517350.0, "EPSG:4549"), r"They would fit as EPSG:4528; give them so"),
        ((31.78, 119.93, "EPSG:4549"), r"would fit as EPSG:4326 \(or EPSG:4490\) with x and y exchanged"),
    ],
)
def test_a_position_out_of_reach_is_refused_with_what_may_be_meant(
    client: FlaskClient, at: tuple[float, float, str], said: str
) -> None:
    answer = send(client, {**SPOT, "x": at[0], "y": at[1], "crs": at[2]})
    assert answer.status_code == 422
    assert re.search(said, answer.json["detail"]), answer.json["detail"]
    assert client.get("/api/v1/cases").json["cases"] == []


def test_a_neighbouring_city_is_outside_and_taken(client: FlaskClient) -> None:
    answer = send(client, {**SPOT, "x": 120.45, "y": 31.6, "crs": "EPSG:4326"})
    assert (answer.status_code, answer.json["state"]) == (201, "outside")


def test_a_point_far_away_is_still_located_outside(client: FlaskClient) -> None:
    answer = client.get("/api/v1/locate?x=0&y=0&crs=EPSG:4326")
    assert answer.status_code == 200
    assert {level["status"] for level in answer.json["levels"].values()} == {"outside"}


@pytest.mark.parametrize("category", ["0101", "0401"])
def test_a_part_that_is_not_there_is_named(
    client: FlaskClient, platform: Platform, tmp_path: Path, category: str
) -> None:
    about = town.CATEGORIES.iloc[:1].assign(code="0401", parent="04", kind="part", part_types=[("01001",)])
    registers.load(platform, "categories", about)
    file = tmp_path / "parts.csv"
    pd.DataFrame([PART, PART | {"code": GONE, "state": "removed"}]).to_csv(file, index=False)
    read = read_parts(PartsFile(str(file), x="x", y="y", crs="EPSG:4549"), platform.place, today=date(2026, 11, 2))
    parts.load(platform, read.batch, rows=read.rows, faults=read.faults)
    body = {**SPOT, "category": category}
    assert send(client, {**body, "part": PART["code"]}).status_code == 201
    unknown = send(client, {**body, "part": "32040401001009999"})
    assert unknown.status_code == 422
    assert "part is '32040401001009999', which is no registered part. Give the identifier" in unknown.json["detail"]
    gone = send(client, {**body, "part": GONE})
    assert gone.status_code == 422
    assert re.search(f"part is '{GONE}', which was not there on .*: removed from ", gone.json["detail"])


def test_half_a_pair_is_said_back_once(client: FlaskClient) -> None:
    answer = send(client, {**SPOT, "description": "a\ud800"})
    assert answer.status_code == 422
    assert answer.json["detail"].startswith(r"description is 'a\ud800'; wanted text")
    assert answer.json["errors"][0]["found"] == r"a\ud800"


def test_half_a_pair_in_a_name_is_said_back_too(client: FlaskClient) -> None:
    answer = send(client, {**SPOT, "a\ud800": 1})
    assert answer.status_code == 422
    assert answer.json["detail"].startswith(r"a\ud800 is 1; wanted only x")
    assert answer.json["errors"][0]["field"] == r"a\ud800"
