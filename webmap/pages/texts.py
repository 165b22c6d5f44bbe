"""The words that scripts put on a page, translated with it. `{n}` and its like are filled in by static/js/texts.js."""

from __future__ import annotations

from flask_babel import gettext, ngettext

__all__ = ["script_texts"]

Text = str | dict[str, str]


def _counted(one: str, other: str) -> dict[str, str]:
    return {"one": one, "other": other}


def script_texts() -> dict[str, Text]:
    """Every text by its key; counted ones in both forms."""
    return {
        **_summary_texts(),
        **_legend_texts(),
        **_detail_texts(),
        "loading": gettext("Loading …"),
        "failed": gettext("The server did not answer. {detail}"),
        "retry": gettext("Try again"),
        "empty": gettext("No cases in this selection."),
        "emptyHint": gettext("Choose a longer period or fewer filters."),
        "copied": gettext("Link copied"),
        "copyFailed": gettext("The link is in the address bar."),
        "close": gettext("Close"),
    }


def _summary_texts() -> dict[str, Text]:
    return {
        "cases": _counted(ngettext("case", "cases", 1), ngettext("case", "cases", 2)),
        "selection": _counted(
            ngettext("{total} case in this selection", "{total} cases in this selection", 1),
            ngettext("{total} case in this selection", "{total} cases in this selection", 2),
        ),
        "placed": gettext("{on} on the map, {off} not on it (outside {outside}, gap {gap}, no position {none})"),
        "gridPlaced": gettext("{on} on the map, {off} not on it (beyond the view {beyond}, no position {none})"),
        "heatSum": gettext("Σ n = {n} in view, in {cells} squares of {size} m"),
        "truncated": gettext("Not every square is shown: zoom in."),
        "withheld": gettext("{n} areas with fewer than 3 cases are withheld."),
        "against": gettext("{n} in the {days} days before"),
        "againstDay": gettext("{n} on the day before"),
        "days": _counted(ngettext("{n} day", "{n} days", 1), ngettext("{n} day", "{n} days", 2)),
    }


def _legend_texts() -> dict[str, Text]:
    return {
        "ratePerKm2": gettext("Cases per km² in {days}"),
        "casesPerSquare": gettext("Cases per square of {size} m"),
        "heatTitle": gettext("Density of cases"),
        "heatFew": gettext("few"),
        "heatMany": gettext("most in view"),
        "noCases": gettext("none"),
        "circles": gettext("Circle: number of cases"),
        "rate": gettext("per km²"),
        "perKm2": gettext("{rate} per km²"),
        "notShown": gettext("fewer than 3"),
    }


def _detail_texts() -> dict[str, Text]:
    return {
        "now": gettext("now"),
        "before": gettext("before"),
        "usual": gettext("usual"),
        "timesUsual": gettext("× usual"),
        "areaKm2": gettext("{n} km²"),
        "newest": gettext("Newest cases"),
        "allCases": gettext("All in the worklist"),
        "why": gettext("Why this unit?"),
        "noUnit": gettext("no unit yet"),
        "publicCases": gettext("Single cases are shown to the city's own people only."),
        "zoomTo": gettext("Zoom to it"),
    }
