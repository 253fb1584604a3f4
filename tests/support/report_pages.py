"""A report in a real browser, for tests to look at."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pindrill.model import PRECEDENCE
from pindrill.reports import html
from pindrill.reports.run import Run
from pindrill.results.finding import FindingLine
from pindrill.results.line import ResultLine
from playwright.sync_api import Browser, Dialog, Page, sync_playwright

from support.made_results import known, line

CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
NEEDS_CHROMIUM = pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium-headless-shell")

DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 800}
READY = "html[data-ready=true]"
PATIENCE_MS = 30_000
READ = {"interception/untrusted-ca": ["RFC 5280 section 6.1", "x"]}
Show = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser's console says."""
    return []


@pytest.fixture
def show(browser: Browser, tmp_path: Path, complaints: list[str]) -> Iterator[Show]:
    """Opens a report of these lines; at the end, nothing was complained about and nothing was fetched."""
    fetched: list[str] = []
    pages: list[Page] = []
    place = tmp_path / "report.html"

    def complain(dialog: Dialog) -> None:
        complaints.append(dialog.message)
        dialog.dismiss()

    def opened(
        lines: Sequence[ResultLine], findings: Sequence[FindingLine] = (), fragment: str = "", **context: Any
    ) -> Page:
        place.write_text(html.render(Run(lines=lines, references=READ, findings=findings)))
        page = browser.new_page(**{"viewport": DESKTOP, **context})
        pages.append(page)
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", complain)
        page.on("request", lambda request: fetched.append(request.url))
        page.goto(f"{place.as_uri()}{fragment}")
        if context.get("java_script_enabled", True):
            page.wait_for_selector(READY)
        return page

    yield opened
    for page in pages:
        page.close()
    assert complaints == []
    assert [url.partition("#")[0] for url in fetched] == [place.as_uri()] * len(pages)


def every_verdict() -> list[ResultLine]:
    cells = [
        line(word, client=client, scenario=f"interception/s-{word}", tls=tls)
        for word in PRECEDENCE
        for client in ("app", "other")
        for tls in ("1.2", "1.3")
    ]
    return [*cells, line("fail-open", client="third", known=known())]
