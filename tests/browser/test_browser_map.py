"""The planner's map in Chromium. The fixtures `desktop` and `phone` also fail on a foreign request or a complaint."""

# ruff: noqa: F401, F811 - fixtures are imported by their names: a second conftest would clash with the first
from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from browser_fixtures import address, browser, desktop, district, phone
from visits import Visit

MEGABYTE = 1024 * 1024
NUMBER = r"(\d[\d,]*)"


def numbers(text: str) -> list[int]:
    return [int(found.replace(",", "")) for found in re.findall(NUMBER, text)]


def test_the_first_page_is_whole_small_and_chinese(desktop: Visit) -> None:
    page = desktop.open("/")
    assert page.locator("html").get_attribute("lang") == "zh-Hans"
    assert "所选案件" in page.locator("#map-sum").inner_text()
    assert page.locator("#places tbody tr").count() > 10
    assert desktop.ink("fills") > 0.1, "the choropleth is drawn"
    assert desktop.ink("symbols") > 0.001, "so are the circles"
    assert desktop.ink("ground") > 0.1, "and the base map"
    assert desktop.ink("names") > 0.001
    assert desktop.received < MEGABYTE
    assert all(url.startswith(desktop.address) for url in desktop.asked)


def test_all_cells_of_the_district_stay_below_a_megabyte(desktop: Visit) -> None:
    desktop.open("/?level=cell")
    assert desktop.page.locator("#areas tbody tr").count() > 100
    assert desktop.ink("fills") > 0.05
    assert desktop.received < MEGABYTE


@pytest.mark.parametrize("level", ["street", "community", "cell"])
def test_what_is_on_the_map_and_what_is_not_add_up(desktop: Visit, level: str) -> None:
    page = desktop.open(f"/?lang=en&level={level}")
    total, on, off, outside, gap, nowhere = numbers(page.locator("#map-sum").inner_text())
    assert (on + off, outside + gap + nowhere) == (total, off)
    assert numbers(page.locator("#total").inner_text()) == [total]
    listed = page.request.get(f"{desktop.address}/api/v1/counts?level={level}&from=2026-10-25&to=2026-11-01").json()
    assert (listed["total"], listed["on_map"]) == (total, on)


def test_the_heat_is_drawn_and_its_sum_is_the_view_s_total(desktop: Visit) -> None:
    page = desktop.open("/?lang=en&show=heat&from=2026-09-01&to=2026-11-01&z=13&lat=31.78&lon=119.93")
    page.wait_for_selector("#map-sum .sum-line >> nth=1")
    (asked,) = [url for url in desktop.asked if "/api/v1/density" in url]
    answer = page.request.get(asked).json()
    shown = re.search(rf"Σ n = {NUMBER} in view, in {NUMBER} squares", page.locator("#map-sum").inner_text())
    assert shown
    assert int(shown[1].replace(",", "")) == answer["total"] == sum(cell["n"] for cell in answer["cells"]) > 100
    assert desktop.ink("heat") > 0.02


def test_squares_are_drawn_with_their_legend(desktop: Visit) -> None:
    page = desktop.open("/?lang=en&show=grid&from=2026-09-01&to=2026-11-01")
    assert desktop.ink("grid") > 0.02
    assert desktop.ink("fills") == 0
    assert "Cases per square of" in page.locator(".legend").inner_text()


def test_a_row_of_the_list_is_shown_on_the_map(desktop: Visit) -> None:
    page = desktop.open("/?lang=en&from=2026-09-01&to=2026-11-01")
    row = page.locator("#places tbody tr").nth(1)
    name = row.locator(".name").inner_text()
    before = page.url
    row.locator(".name").press("Enter")
    page.wait_for_selector("#detail .case-list li")
    desktop.settle()
    assert page.locator("#detail h2").inner_text() == name
    assert row.get_attribute("aria-current") == "true"
    assert page.locator(".leaflet-marker-pane .dot").count() > 0
    assert "sel=place%3A" in page.url != before


def test_an_area_of_the_map_is_shown_in_the_list(desktop: Visit) -> None:
    page = desktop.open("/?lang=en&level=street&from=2026-09-01&to=2026-11-01")
    page.mouse.click(1000, 480)
    page.wait_for_selector("#detail h2")
    code = parse_qs(urlsplit(page.url).query)["sel"][0].removeprefix("area:")
    page.click("#tab-areas")
    chosen = page.locator("#areas tbody tr.chosen")
    assert code in chosen.inner_text()
    assert page.locator("#places tbody tr.near").count() > 0
    page.locator("#detail").press("Escape")
    assert page.locator("#detail").is_hidden()
    assert page.locator("tr.chosen").count() == 0


def test_what_a_reporter_wrote_is_text_in_list_and_popup(desktop: Visit) -> None:
    page = desktop.open("/?lang=en&level=community&from=2026-09-01&to=2026-11-01&z=14")
    page.locator("#places .name").first.press("Enter")
    page.wait_for_selector("#detail .case-list li")
    desktop.settle()
    page.locator(".dot").first.dispatch_event("click")
    popup = page.locator(".popup")
    assert "<img src=x" in popup.inner_text()
    assert popup.locator("a").get_attribute("href").endswith("#why")
    assert page.locator(".popup img, #detail img").count() == 0
    assert "taken" not in page.title()


def test_the_address_restores_the_view(desktop: Visit) -> None:
    page = desktop.open(
        "/?lang=en&level=cell&show=grid&category=05&from=2026-10-01&to=2026-10-08&lat=31.77&lon=119.95&z=14.5"
    )
    desktop.settle()
    again = page.url
    page.goto("about:blank")
    page.goto(again)
    desktop.settle()
    assert page.locator("input[name=show]:checked").get_attribute("value") == "grid"
    assert page.locator("input[name=level]:checked").get_attribute("value") == "cell"
    assert page.locator("select[name=category]").input_value() == "05"
    assert page.locator("#period-words").inner_text() == "Thu 1 Oct – Wed 7 Oct 2026"
    query = {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}
    assert (query["z"], round(float(query["lat"]), 3), round(float(query["lon"]), 3)) == ("14.5", 31.77, 119.95)
    assert query["lang"] == "en"


def test_presets_end_with_the_newest_day_and_steps_go_before_it(desktop: Visit) -> None:
    page = desktop.open("/?lang=en")
    assert "31 Oct 2026" in page.locator(".bar-facts").inner_text()
    page.locator("input[name=days][value='30']").check()
    assert "from=2026-10-02&to=2026-11-01" in page.url
    page.click("#earlier")
    assert "from=2026-09-02&to=2026-10-02" in page.url
    assert page.locator("input[name=days]:checked").get_attribute("value") == "own"
    assert page.locator("#later").is_enabled()


def test_the_other_language_keeps_the_view(desktop: Visit) -> None:
    page = desktop.open("/?level=street&from=2026-10-01&to=2026-10-08")
    page.click("#language")
    desktop.settle()
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("input[name=level]:checked").get_attribute("value") == "street"
    assert "from=2026-10-01" in page.url


def test_an_empty_selection_says_what_to_do(desktop: Visit) -> None:
    page = desktop.open("/?lang=en&from=2020-01-01&to=2020-01-08")
    assert "No cases in this selection." in page.locator("#places").inner_text()
    assert page.locator("#total").inner_text() == "0"


def test_the_map_is_reached_and_the_lists_are_used_by_keyboard(desktop: Visit) -> None:
    page = desktop.open("/?lang=en")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.focus("#tab-places")
    page.keyboard.press("ArrowRight")
    assert page.locator("#list-areas").is_visible()
    assert page.locator("#list-places").is_hidden()


def test_a_phone_has_no_sideways_scroll_and_a_sheet(phone: Visit) -> None:
    page = phone.open("/")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert phone.ink("fills") > 0.02
    before = page.locator("#panel").bounding_box()
    page.click("#handle")
    page.wait_for_timeout(400)
    after = page.locator("#panel").bounding_box()
    assert before
    assert after
    assert after["height"] > before["height"] + 100
    assert phone.received < MEGABYTE


@pytest.mark.parametrize("path", ["/cases", "/cases?lang=en", "/nothing-here"])
def test_other_pages_fit_a_phone(phone: Visit, path: str) -> None:
    page = phone.page
    page.goto(phone.address + path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    phone.complaints[:] = [text for text in phone.complaints if "404" not in text]


def test_a_case_page_shows_its_point_and_its_areas(desktop: Visit) -> None:
    page = desktop.page
    no = page.request.get(f"{desktop.address}/api/v1/cases?limit=1").json()["cases"][0]["case"]
    page.goto(f"{desktop.address}/cases/{no}")
    page.wait_for_load_state("networkidle")
    assert desktop.ink("point") > 0.0005
    assert desktop.ink("ground") > 0.05
    assert "为何由该单位负责" in page.locator("#why h2").inner_text()
    assert "taken" not in page.title()
