"""The station's web application. Everything of it stands behind a random token in the path."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qsl

import segno
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from pindrill.reports.audit_words import ADVICE, CONDITION, MEANING, TITLE, kind
from pindrill.reports.page import Pages, csp_hash
from pindrill.reports.plain import harmless
from pindrill.reports.tame import harmless_line
from pindrill.results.audit_line import AuditLine
from pindrill.station.certificates import TestCa

_PAGES = Pages("pindrill.station")
_FORM_BYTES = 4096
_TYPES = {
    "pindrill-ca.pem": "application/x-pem-file",
    "pindrill-ca.crt": "application/x-x509-ca-cert",
    "pindrill-ca.mobileconfig": "application/x-apple-aspen-config",
}


class Audited(Protocol):
    """What the page shows, and the one thing that it can do."""

    def lines(self) -> Sequence[AuditLine]: ...
    def state(self) -> Mapping[str, Any]: ...
    def skip(self, client: str, destination: str) -> bool: ...


@dataclass
class Station:
    """`shown`: somebody has read the warning, and asked for the certificate."""

    audited: Audited
    ca: TestCa
    token: str
    url: str
    """Of the page, as a phone finds it; it holds the token."""
    proxy_host: str
    proxy_port: int
    shown: bool = field(default=False)

    def application(self) -> Starlette:
        routes = [
            Route("/{token}/", self._page),
            Route("/{token}/live", self._live),
            Route("/{token}/next", self._next, methods=["POST"]),
            Route("/{token}/ca", self._ca_page),
            Route("/{token}/ca", self._show_ca, methods=["POST"]),
            Route("/{token}/{name}", self._file),
        ]
        return Starlette(routes=routes)

    def _check(self, request: Request) -> None:
        """A wrong token finds nothing, not even that something is here."""
        if not hmac.compare_digest(request.path_params["token"].encode(), self.token.encode()):
            raise HTTPException(404)

    async def _page(self, request: Request) -> Response:
        self._check(request)
        code = segno.make(self.url, error="m").svg_inline(scale=5, border=2, light="#fff")
        return _rendered(
            "page.html",
            qr=Markup(code),  # noqa: S704 (an image of segno's)
            station=self,
            live=Markup(self._live_html()),  # noqa: S704 (a template of ours)
        )

    async def _live(self, request: Request) -> Response:
        self._check(request)
        return _secured(HTMLResponse(self._live_html()))

    async def _next(self, request: Request) -> Response:
        self._check(request)
        form = await _form(request)
        if not self.audited.skip(form.get("client", ""), form.get("destination", "")):
            raise HTTPException(409, "nobody has contacted this destination yet")
        return _secured(Response(status_code=204))

    async def _ca_page(self, request: Request) -> Response:
        self._check(request)
        return _rendered("ca.html", station=self, names=list(_TYPES))

    async def _show_ca(self, request: Request) -> Response:
        self._check(request)
        self.shown = True
        return _secured(RedirectResponse("ca", status_code=303))

    async def _file(self, request: Request) -> Response:
        self._check(request)
        name = request.path_params["name"]
        if name not in _TYPES:
            raise HTTPException(404)
        if not self.shown:
            raise HTTPException(403, "read the warning first")
        content = {
            "pindrill-ca.pem": self.ca.pem.encode(),
            "pindrill-ca.crt": self.ca.der,
            "pindrill-ca.mobileconfig": self.ca.profile,
        }[name]
        # A file with this name: Android and iOS tell what it is by the type and the ending.
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return _secured(Response(content, media_type=_TYPES[name], headers=headers))

    def _live_html(self) -> str:
        return _PAGES.render(
            "live.html",
            lines=[harmless_line(line) for line in self.audited.lines()],
            places=_by_destination(harmless(self.audited.state()["destinations"])),
            meaning=MEANING,
            advice=ADVICE,
            title=TITLE,
            condition=CONDITION,
            kind=kind,
        )


async def _form(request: Request) -> dict[str, str]:
    """Two short fields: nothing else is read, and nothing put on disk."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _FORM_BYTES:
            raise HTTPException(413)
    return dict(parse_qsl(body.decode("utf-8", "replace")))


def _by_destination(places: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for place in places:
        found.setdefault(place["destination"], []).append(place)
    return found


def _rendered(name: str, **values: Any) -> Response:
    style, script = _PAGES.text("station.css"), _PAGES.text("station.js")
    return _secured(
        HTMLResponse(_PAGES.render(name, style=style, script=script, **values)),
        f"style-src '{csp_hash(style)}'; script-src '{csp_hash(script)}'; connect-src 'self'; ",
    )


def _secured(response: Response, policy: str = "") -> Response:
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; {policy}form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
