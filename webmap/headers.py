"""What every answer carries: a strict content policy, compression, and validators for what can be kept."""

from __future__ import annotations

import gzip
import hashlib
import secrets
from typing import Final

from flask import Flask, Response, g, request

__all__ = ["install", "nonce", "unchanged", "validated"]

_LEAST_GZIPPED: Final = 1024
_TEXTS: Final = (
    "text/",
    "application/json",
    "application/geo+json",
    "application/problem+json",
    "application/javascript",
)


def install(app: Flask) -> None:
    """Add the headers after every request; templates call `nonce()` for their own scripts."""
    app.after_request(_secure)
    app.after_request(_compress)
    app.jinja_env.globals["nonce"] = nonce


def nonce() -> str:
    """The random word that lets this answer's own scripts run, and no other."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(16)
    return str(g.nonce)


def _policy(script: str) -> str:
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src {script}",
            "style-src 'self' 'unsafe-inline'",  # Leaflet and Folium position by style attributes
            "img-src 'self' data: blob:",
            "connect-src 'self'",
            "object-src 'none'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
        )
    )


_PLAIN_POLICY: Final = _policy("'self'")


_SECURE: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), microphone=(), payment=()"),
)


def _secure(response: Response) -> Response:
    policy = _policy(f"'self' 'nonce-{g.nonce}'") if "nonce" in g else _PLAIN_POLICY
    response.headers.extend((("Content-Security-Policy", policy), *_SECURE))
    response.headers.setdefault("Cache-Control", "private, no-cache")
    if response.mimetype == "text/html":
        response.vary.update(("Cookie", "Accept-Language"))
    return response


def _compress(response: Response) -> Response:
    if request.method not in ("GET", "HEAD"):
        return response
    if not (response.mimetype or "").startswith(_TEXTS) or "Content-Encoding" in response.headers:
        return response
    response.vary.add("Accept-Encoding")
    if "gzip" not in request.accept_encodings or response.status_code != 200:
        return response
    response.direct_passthrough = False
    body = response.get_data()
    if len(body) < _LEAST_GZIPPED:
        return response
    response.set_data(gzip.compress(body, compresslevel=4, mtime=0))
    response.headers["Content-Encoding"] = "gzip"
    tag, _ = response.get_etag()
    if tag:
        response.set_etag(tag, weak=True)  # other bytes, the same meaning
    return response


def validated(response: Response, version: str) -> Response:
    """The response with a validator made of the data's version and the whole address."""
    response.set_etag(_tag(version), weak=True)
    return response


def unchanged(version: str) -> Response | None:
    """304 when the caller holds the answer of this version already; asked before any work is done."""
    if request.if_none_match.contains_weak(_tag(version)):
        return validated(Response(status=304), version)
    return None


def _tag(version: str) -> str:
    return hashlib.sha256(f"{version} {request.full_path}".encode()).hexdigest()[:24]
