"""A visit to a page, with everything that it asks for and complains about."""

from __future__ import annotations

from dataclasses import dataclass, field

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Route


@dataclass
class Visit:
    """A page with everything that it asked for and complained about. `foreign` requests were stopped, and noted."""

    page: Page
    address: str
    asked: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    received: float = 0.0

    def open(self, path: str) -> Page:
        """Open a page and wait until it has settled."""
        self.page.goto(self.address + path)
        self.settle()
        return self.page

    def settle(self) -> None:
        self.page.wait_for_selector("body:not(.busy)")
        self.page.wait_for_load_state("networkidle")

    def ink(self, pane: str) -> float:
        """Which share of a pane's canvases is painted."""
        return self.page.evaluate(
            """name => Math.max(...[...document.querySelectorAll(`.leaflet-${name}-pane canvas`)].map(canvas => {
                const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
                let painted = 0;
                for (let i = 3; i < data.length; i += 4) painted += data[i] > 0;
                return painted / (data.length / 4);
            }), 0)""",
            pane,
        )


def visit_in(context: BrowserContext, address: str) -> Visit:
    """A new page that may reach `address` alone."""
    visit = Visit(context.new_page(), address)

    def guard(route: Route) -> None:
        if route.request.url.startswith(address):
            route.continue_()
        else:
            visit.foreign.append(route.request.url)
            route.abort()

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error":
            visit.complaints.append(message.text)

    def asked(request: Request) -> None:
        visit.asked.append(request.url)

    context.route("**/*", guard)
    visit.page.on("request", asked)
    visit.page.on("console", heard)
    visit.page.on("pageerror", lambda fault: visit.complaints.append(str(fault)))
    session = context.new_cdp_session(visit.page)
    session.send("Network.enable")

    def loaded(event: dict) -> None:
        visit.received += event["encodedDataLength"]

    session.on("Network.loadingFinished", loaded)
    return visit
