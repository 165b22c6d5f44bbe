"""Who is looking, and what that person may see. Without accounts the server's address decides, for everybody alike."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from flask import Flask, Request, current_app, request
from flask.sessions import SessionInterface
from itsdangerous import BadSignature, Signer

from gis.errors import RightsRefused
from gis.place import Place
from gis.rights import ALL, PUBLIC, Rights
from gis.services.platform import Platform

__all__ = [
    "DEVICE_COOKIE",
    "LEAST_SHOWN",
    "device",
    "install",
    "is_local",
    "current_place",
    "current_platform",
    "require_cases",
    "current_rights",
    "shown",
    "sign_device",
]

#: the public is not told a count below this, which could point at one person (decision 13)
LEAST_SHOWN: Final = 3
DEVICE_COOKIE: Final = "gridward_device"
DEVICE_HEADER: Final = "X-Device-Token"


@dataclass(frozen=True, slots=True)
class _Door:
    platform: Platform
    rights: Rights


class _NoSessions(SessionInterface):
    """Nobody logs in here, and no request pays for the reading of a session."""

    def open_session(self, app: Flask, request: Request) -> None:  # noqa: ARG002 - the signature is Flask's
        return None


def install(app: Flask, platform: Platform, *, open_to_all: bool) -> None:
    """Keep the platform and the rights of everybody who comes through this door."""
    app.session_interface = _NoSessions()
    app.extensions["gridward"] = _Door(platform, ALL if open_to_all else PUBLIC)


def _door() -> _Door:
    door: _Door = current_app.extensions["gridward"]
    return door


def current_platform() -> Platform:
    """The platform behind the present request."""
    return _door().platform


def current_place() -> Place:
    """The place this server is for."""
    return _door().platform.place


def current_rights() -> Rights:
    """The rights of the person who asks."""
    return _door().rights


def require_cases() -> None:
    """Raise RightsRefused for the public: single cases are for the city's own people."""
    if current_rights() == PUBLIC:
        raise RightsRefused(
            "Single cases are not shown to the public; wanted a planner on this machine. "
            "Open the page on the server's own loopback address, http://127.0.0.1."
        )


def shown(n: int, whose: Rights) -> int | None:
    """A count as this person may see it; None where it is withheld.

    >>> shown(2, PUBLIC), shown(0, PUBLIC), shown(2, ALL)
    (None, 0, 2)
    """
    return None if whose == PUBLIC and 0 < n < LEAST_SHOWN else n


def is_local(address: str | None) -> bool:
    """True for a loopback address.

    >>> is_local("127.0.0.1"), is_local("::1"), is_local("10.0.0.8"), is_local(None)
    (True, True, False, False)
    """
    try:
        return ip_address(address or "").is_loopback
    except ValueError:
        return False


def device() -> str:
    """Which device a report comes from: its own token, else our signed cookie, else its address.

    The cookie is given with pages, never with the answer to a report: a first try without it and a retry with it
    would otherwise be two devices, and one problem two cases.
    """
    return "web:" + hashlib.sha256(_device_words().encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _device_words() -> str:
    token = request.headers.get(DEVICE_HEADER, "")
    if token:
        return f"token:{token}"
    try:
        return "cookie:" + _signer().unsign(request.cookies.get(DEVICE_COOKIE, "")).decode()
    except BadSignature:
        return f"address:{request.remote_addr or 'unknown'}"


def sign_device(name: str) -> str:
    """The value of a device cookie for a fresh random name."""
    return _signer().sign(name).decode()


def _signer() -> Signer:
    return Signer(str(current_app.secret_key), salt=DEVICE_COOKIE)
