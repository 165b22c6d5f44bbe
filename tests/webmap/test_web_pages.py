"""Pages for people: languages, escaping, policy, refusals."""

# ruff: noqa: F401, F811 - fixtures are imported by their names: a second conftest would clash with the first
from __future__ import annotations

import json
import re

import pytest
from flask.testing import FlaskClient
from reported import HOSTILE
from web_fixtures import app, client, numbers, public

PAGES = ("/", "/cases", "/cases/{no}", "/nothing", "/?lang=en", "/cases?lang=en", "/cases/{no}?lang=en")


@pytest.mark.parametrize("address", PAGES)
def test_no_page_names_another_host(client: FlaskClient, numbers: list[str], address: str) -> None:
    html = client.get(address.format(no=numbers[0])).text
    links = re.findall(r"""(?:src|href|action|srcset|poster)\s*=\s*["']?([^"'\s>]+)""", html)
    assert links
    assert [link for link in links if re.match(r"(\w+:)?//", link)] == []
    assert re.findall(r"@import|url\(", html) == []


@pytest.mark.parametrize("address", PAGES)
def test_every_page_has_a_strict_policy(client: FlaskClient, numbers: list[str], address: str) -> None:
    answer = client.get(address.format(no=numbers[0]))
    policy = answer.headers["Content-Security-Policy"]
    scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert "unsafe" not in scripts
    for wanted in ("frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'", "connect-src 'self'"):
        assert wanted in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    nonce = re.search(r"'nonce-([^']+)'", scripts)
    inline = re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)([^>]*)>", answer.text)
    assert all(nonce and f'nonce="{nonce.group(1)}"' in tag for tag in inline)
    markup = re.sub(r"<script.*?</script>", "", answer.text, flags=re.DOTALL)
    assert re.findall(r"<[^>]*\son\w+\s*=", markup) == [], "no handler is written into markup"


def test_two_answers_have_two_nonces(client: FlaskClient) -> None:
    assert client.get("/").headers["Content-Security-Policy"] != client.get("/").headers["Content-Security-Policy"]


@pytest.mark.parametrize("address", ["/cases", "/cases/{no}", "/cases/{no}?lang=en"])
def test_what_a_reporter_wrote_is_text(client: FlaskClient, numbers: list[str], address: str) -> None:
    html = client.get(address.format(no=numbers[0])).text
    assert "<img src=x" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html
    assert HOSTILE not in html


def test_the_language_is_asked_for_then_remembered_then_negotiated(client: FlaskClient) -> None:
    assert '<html lang="zh-Hans">' in client.get("/cases").text
    assert '<html lang="en">' in client.get("/cases", headers={"Accept-Language": "en-GB,en;q=0.9"}).text
    assert '<html lang="en">' in client.get("/cases?lang=en").text
    assert '<html lang="en">' in client.get("/cases").text, "the cookie remembers"
    assert '<html lang="zh-Hans">' in client.get("/cases?lang=zh", headers={"Accept-Language": "en"}).text
    assert '<html lang="zh-Hans">' in client.get("/cases?lang=xx").text, "an unknown language changes nothing"


def test_the_map_opens_with_the_week_up_to_the_newest_day(client: FlaskClient, numbers: list[str]) -> None:
    view = page_data(client.get("/").text)["view"]
    assert (view["from"], view["to"], view["level"], view["show"]) == ("2026-10-26", "2026-11-02", "community", "rate")


def test_the_address_of_the_map_holds_the_whole_view(client: FlaskClient) -> None:
    filters = {"from": "2026-10-01", "to": "2026-10-08", "category": "05", "unit": "S1", "source": "patrol"}
    place = {"lat": "31.78", "lon": "119.93", "z": "15.5", "sel": "area:320404001"}
    asked = {**filters, "state": "closed", "level": "cell", "show": "heat", **place, "lang": "en"}
    view = page_data(client.get("/", query_string=asked).text)["view"]
    asked.pop("lang")
    assert {name: str(value) for name, value in view.items()} == asked


def test_a_wrong_view_is_refused_with_every_fault(client: FlaskClient) -> None:
    answer = client.get("/?level=house&show=smell&lat=100&lang=en")
    assert answer.status_code == 400
    for name in ("level", "show", "lat"):
        assert f"{name} is" in answer.text
    assert "Back to the map" in answer.text


def test_the_map_says_that_it_is_synthetic(client: FlaskClient, numbers: list[str]) -> None:
    assert "SYNTHETIC" in client.get("/").text
    assert "SYNTHETIC" in client.get(f"/cases/{numbers[0]}").text


def test_a_place_without_reports_has_a_map_all_the_same(client: FlaskClient) -> None:
    data = page_data(client.get("/").text)
    assert data["lastDay"] is None
    assert data["view"]["from"] is None


def test_the_case_page_tells_why_and_what_happened(client: FlaskClient, numbers: list[str]) -> None:
    html = client.get(f"/cases/{numbers[3]}").text
    assert "为何由该单位负责" in html
    assert "河道由农林局主管" in html
    assert "按同一依据重新判定，结果一致" in html
    assert 'class="folium-map"' in html


def test_the_worklist_pages_on(client: FlaskClient, numbers: list[str]) -> None:
    html = client.get(f"/cases?after={numbers[4]}&unit=S1&lang=en").text
    assert numbers[0] in html
    assert numbers[5] not in html
    assert "Newest" in html


def test_an_empty_worklist_says_what_to_do(client: FlaskClient, numbers: list[str]) -> None:
    assert "Choose a longer period or fewer filters." in client.get("/cases?category=99&lang=en").text


def test_the_public_sees_the_map_and_no_cases(public: FlaskClient, numbers: list[str]) -> None:
    assert public.get("/cases?lang=en").status_code == 403
    assert public.get(f"/cases/{numbers[0]}").status_code == 403
    html = public.get("/").text
    assert "gridward.Heat" not in html
    assert page_data(html)["canSeeCases"] is False


def test_health_does_not_need_the_database_and_readiness_does(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "ok"}
    assert client.get("/readyz").json == {"status": "ok"}


def test_metrics_are_told_to_this_machine(public: FlaskClient, numbers: list[str]) -> None:
    text = public.get("/metrics").text
    assert re.search(r"^gridward_cases_outside 1$", text, re.M)
    assert public.get("/metrics", environ_base={"REMOTE_ADDR": "10.1.2.3"}).status_code == 403


def page_data(html: str) -> dict:
    found = re.search(r'<script type="application/json" id="page-data">(.*?)</script>', html, re.S)
    assert found
    return json.loads(found.group(1))
