"""How numbers, days and moments are written, by the language of the page and the zone of the place."""

from __future__ import annotations

from datetime import date, datetime

from flask import Flask
from flask_babel import format_date, format_datetime, format_decimal, format_percent

from webmap.languages import language

__all__ = ["day", "install", "metres", "moment", "plain_day"]


def install(app: Flask) -> None:
    """Give the templates their filters."""
    app.jinja_env.filters.update(
        number=format_decimal, share=format_percent, day=day, plain_day=plain_day, moment=moment, metres=metres
    )


def day(value: date) -> str:
    """A day with its weekday, as people name it."""
    return format_date(value, "EEE d MMM y" if language() == "en" else "y年M月d日 EEE")


def plain_day(value: date) -> str:
    """A day without its weekday."""
    return format_date(value, "d MMM y" if language() == "en" else "y年M月d日")


def moment(value: datetime) -> str:
    """An aware moment in the zone of the place, to the minute."""
    return format_datetime(value, "d MMM y HH:mm" if language() == "en" else "y年M月d日 HH:mm")


def metres(value: float) -> str:
    """A length in metres, one decimal below ten."""
    return format_decimal(round(value, 1) if abs(value) < 10 else round(value)) + " m"
