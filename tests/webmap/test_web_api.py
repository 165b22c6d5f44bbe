"""The JSON API: its answers, its refusals, and its own description."""

# ruff: noqa: F401, F811 - fixtures are imported by their names: a second conftest would clash with the first
from __future__ import annotations

import gzip
import re
from typing import Any

import openapi_judge
import pytest
from flask import Flask
from flask.testing import FlaskClient
from web_fixtures import app, client, numbers, public

from webmap.api.openapi import describe

WEEK = "from=2026-10-25&to=2026-11-02"


def test_locate_answers_as_the_contract_says(client: FlaskClient) -> None:
    found = client.get("/api/v1/locate?x=493050&y=3517350&crs=EPSG:4549&accuracy=10").json
    assert set(found) >= {"x", "y", "crs", "at", "release", "levels", "unit", "scope", "confidence"}
    assert found["levels"]["street"]["code"] == "320404001"
    assert found["unit"] == {"code": "S1", "name": "东街街道"}
    assert found["scope"] is True
    assert sum(c["p"] for c in found["levels"]["cell"]["candidates"]) == pytest.approx(1)


def test_a_point_outside_is_an_answer_and_no_error(client: FlaskClient) -> None:
    answer = client.get("/api/v1/locate?x=119.0&y=31.0")
    assert answer.status_code == 200
    assert {level["status"] for level in answer.json["levels"].values()} == {"outside"}
    assert answer.json["unit"] is None


def test_every_bad_parameter_is_named_at_once(client: FlaskClient) -> None:
    answer = client.get("/api/v1/locate?x=nan&crs=WGS84&accuracy=-1&at=2026-13-01&colour=red")
    assert answer.status_code == 400
    assert answer.mimetype == "application/problem+json"
    assert {fault["field"] for fault in answer.json["errors"]} == {"x", "y", "crs", "accuracy", "at", "colour"}
    assert all({"field", "found", "wanted"} == set(fault) for fault in answer.json["errors"])
    assert "y is missing; wanted a finite number." in answer.json["detail"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("level=street&from=2026-10-01", "to"),
        ("level=street&from=2026-10-02&to=2026-10-02", "to"),
        ("level=house", "level"),
        ("level=street&source=rumour", "source"),
        ("level=street&category=';--", "category"),
        ("level=street&level=cell", "level"),
        ("level=street&from=0001-01-01&to=9999-12-31", "from"),
    ],
)
def test_counts_refuse_what_they_cannot_understand(client: FlaskClient, query: str, field: str) -> None:
    answer = client.get(f"/api/v1/counts?{query}")
    assert answer.status_code == 400
    assert [fault["field"] for fault in answer.json["errors"]] == [field]


@pytest.mark.parametrize("bbox", ["1,2,3", "119.9,31.8,119.8,31.9", "a,b,c,d", "nan,1,2,3", "119,-91,120,91"])
def test_a_box_out_of_order_is_refused(client: FlaskClient, bbox: str) -> None:
    assert client.get(f"/api/v1/density?bbox={bbox}").status_code == 400


@pytest.mark.parametrize("level", ["street", "community", "cell"])
def test_counts_on_and_off_the_map_add_up(client: FlaskClient, numbers: list[str], level: str) -> None:
    found = client.get(f"/api/v1/counts?level={level}&{WEEK}").json
    assert found["total"] == len(numbers)
    assert found["on_map"] == sum(area["n"] for area in found["areas"])
    assert found["on_map"] + sum(found["not_on_map"].values()) == found["total"]
    assert found["not_on_map"]["outside"] == 1
    assert found["breaks"] == sorted(found["breaks"])


def test_the_total_before_is_the_total_of_the_span_before(client: FlaskClient, numbers: list[str]) -> None:
    late = client.get("/api/v1/counts?level=street&from=2026-10-29&to=2026-11-02").json
    early = client.get("/api/v1/counts?level=street&from=2026-10-25&to=2026-10-29").json
    assert (late["total"], late["before"]) == (4, early["total"])


def test_the_squares_of_the_heat_add_up_to_the_total(client: FlaskClient, numbers: list[str]) -> None:
    found = client.get(f"/api/v1/density?{WEEK}&zoom=16").json
    assert not found["truncated"]
    assert sum(cell["n"] for cell in found["cells"]) == found["total"] == len(numbers)


def test_the_squares_of_a_view_hold_only_its_cases(client: FlaskClient, numbers: list[str]) -> None:
    lon, lat = (client.get(f"/api/v1/cases/{numbers[0]}").json[axis] for axis in ("lon", "lat"))
    box = f"{lon - 0.00005},{lat - 0.00005},{lon + 0.00005},{lat + 0.00005}"
    found = client.get(f"/api/v1/density?bbox={box}&zoom=18").json
    assert found["total"] == sum(cell["n"] for cell in found["cells"]) == 1


def test_places_are_told_in_words_with_their_street(client: FlaskClient, numbers: list[str]) -> None:
    found = client.get(f"/api/v1/places?{WEEK}").json["places"]
    assert [place["n"] for place in found] == sorted((place["n"] for place in found), reverse=True)
    assert {place["name"] for place in found} <= {"长江路", "钟楼小学"}
    assert all(place["street"]["name"] in ("东街", "西街") for place in found)


def test_a_worklist_goes_on_after_its_last_case(client: FlaskClient, numbers: list[str]) -> None:
    first = client.get("/api/v1/cases?limit=5").json
    second = client.get(f"/api/v1/cases?limit=5&after={first['next']}").json
    assert [c["case"] for c in first["cases"] + second["cases"]] == list(reversed(numbers))
    assert second["next"] is None


def test_cases_are_filtered_by_area_unit_and_state(client: FlaskClient, numbers: list[str]) -> None:
    assert {c["street"] for c in client.get("/api/v1/cases?area=320404002").json["cases"]} == {"西街"}
    assert {c["unit"]["code"] for c in client.get("/api/v1/cases?unit=D1").json["cases"]} == {"D1"}
    assert {c["state"] for c in client.get("/api/v1/cases?state=gap").json["cases"]} == {"gap"}


def test_why_tells_the_reason_in_both_languages(client: FlaskClient, numbers: list[str]) -> None:
    found = client.get(f"/api/v1/cases/{numbers[3]}/why").json
    assert found["replay_agrees"] is True
    assert "农林局" in found["text"]["zh"]
    assert found["evidence"]["rule"] == "R05"


@pytest.mark.parametrize("no", ["ZL2610-9999999", "nonsense", "ZL9901-0000001"])
def test_a_case_that_is_not_there_is_404(client: FlaskClient, no: str) -> None:
    answer = client.get(f"/api/v1/cases/{no}")
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")


def test_shapes_are_asked_for_once(client: FlaskClient) -> None:
    first = client.get("/api/v1/areas?level=cell&zoom=16")
    assert first.json["type"] == "FeatureCollection"
    again = client.get("/api/v1/areas?level=cell&zoom=16", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    other = client.get("/api/v1/areas?level=street&zoom=16", headers={"If-None-Match": first.headers["ETag"]})
    assert other.status_code == 200
    assert "private" in first.headers["Cache-Control"]


def test_long_answers_travel_compressed(client: FlaskClient) -> None:
    plain = client.get("/api/openapi.json").data
    packed = client.get("/api/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert gzip.decompress(packed.data) == plain


def test_an_unknown_base_map_layer_names_the_known_ones(client: FlaskClient) -> None:
    answer = client.get("/api/v1/basemap/spies?zoom=14")
    assert answer.status_code == 400
    assert "land_use" in answer.json["detail"]


def test_the_description_covers_every_address_of_the_api(app: Flask, client: FlaskClient) -> None:
    paths = client.get("/api/openapi.json").json["paths"]
    rules = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert {(path, method) for path, methods in paths.items() for method in methods} == rules


def test_the_description_refers_only_to_what_it_holds(app: Flask) -> None:
    with app.app_context():
        document = describe(list(app.url_map.iter_rules()))
    names = set(re.findall(r"'#/components/schemas/(\w+)'", str(document)))
    assert names == set(document["components"]["schemas"])
    assert all(found[m]["summary"] for found in document["paths"].values() for m in found)


ANSWERED = (
    "/api/v1/locate?x=119.93&y=31.78&accuracy=30",
    "/api/v1/releases",
    "/api/v1/releases/1",
    "/api/v1/releases/1/diff",
    "/api/v1/releases/1/impact",
    "/api/v1/cases?limit=3",
    "/api/v1/cases/{no}",
    "/api/v1/cases/{no}/why",
    f"/api/v1/counts?level=cell&{WEEK}",
    f"/api/v1/recounts?level=street&{WEEK}",
    "/api/v1/recounts?level=cell&on=1",
    f"/api/v1/places?{WEEK}",
    f"/api/v1/density?{WEEK}&zoom=15",
    "/api/v1/areas?level=community&zoom=12",
    "/api/v1/basemap/road?zoom=14",
    "/api/openapi.json",
)


@pytest.mark.parametrize("address", ANSWERED)
def test_answers_are_as_described(client: FlaskClient, numbers: list[str], address: str) -> None:
    document: dict[str, Any] = client.get("/api/openapi.json").json
    path = re.sub(r"/basemap/\w+", "/basemap/{layer}", address.partition("?")[0])
    path = re.sub(r"/releases/\d+", "/releases/{release}", path)
    answer = client.get(address.format(no=numbers[0]))
    content = document["paths"][path]["get"]["responses"][str(answer.status_code)]["content"]
    wanted = content[answer.mimetype]["schema"]
    assert list(openapi_judge.faults(answer.json, wanted, document["components"]["schemas"])) == []


def test_problems_are_as_described(client: FlaskClient) -> None:
    names = client.get("/api/openapi.json").json["components"]["schemas"]
    for address in ("/api/v1/locate?x=a", "/api/v1/cases/none", "/api/v1/nothing", "/api/v1/reports"):
        assert list(openapi_judge.faults(client.get(address).json, names["Problem"], names)) == []


class TestThePublic:
    """Somebody who reaches a server that is not bound to its own machine."""

    @pytest.mark.parametrize(
        "address",
        [
            "/api/v1/cases",
            "/api/v1/cases/{no}",
            "/api/v1/cases/{no}/why",
            "/api/v1/density",
            "/api/v1/releases/1/impact",
        ],
    )
    def test_is_shown_no_single_case(self, public: FlaskClient, numbers: list[str], address: str) -> None:
        answer = public.get(address.format(no=numbers[0]))
        assert answer.status_code == 403
        assert "wanted a planner" in answer.json["detail"] or "not told to the public" in answer.json["detail"]

    def test_is_not_told_counts_below_three(self, public: FlaskClient, numbers: list[str]) -> None:
        found = public.get(f"/api/v1/counts?level=community&{WEEK}").json
        told = [area["n"] for area in found["areas"]]
        assert all(n is None or n == 0 or n >= 3 for n in told)
        assert found["withheld"] == told.count(None) > 0
        assert all(place["n"] >= 3 for place in public.get(f"/api/v1/places?{WEEK}").json["places"])

    def test_may_still_ask_where_a_point_lies(self, public: FlaskClient) -> None:
        assert public.get("/api/v1/locate?x=119.93&y=31.78").status_code == 200
