"""The forecast page in a real browser: light, dark and narrow; nothing is complained about, nothing is fetched."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from pindrill.preflight.reviewed import reviewed
from pindrill.reports.forecast_html import render
from playwright.sync_api import Page, expect, sync_playwright
from support.worked_examples import lay_out

CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium-headless-shell")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("page")
    out = place / "forecast.html"
    out.write_text(render(reviewed(lay_out("ca-switch", place) / "plan.toml").to_json()))
    return out


@pytest.fixture(params=["light", "dark", "narrow"])
def page(request: pytest.FixtureRequest, file: Path) -> Iterator[Page]:
    complaints: list[str] = []
    width = 390 if request.param == "narrow" else 1280
    scheme: Literal["dark", "light"] = "dark" if request.param == "dark" else "light"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        opened.on("console", lambda message: complaints.append(message.text))
        opened.on("request", lambda sent: complaints.append(sent.url) if not sent.url.startswith("file:") else None)
        opened.goto(file.as_uri())
        yield opened
        browser.close()
    assert complaints == []


def test_the_first_view_answers_and_everyone_can_read_it(page: Page) -> None:
    expect(page.locator("h1")).to_have_text("This plan locks somebody out or leaves somebody unprotected.")
    expect(page.locator("svg.plot")).to_be_visible()
    assert page.locator("svg.plot path").count() == 2  # refused by some servers, then by all
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_the_plot_stands_where_the_numbers_say(page: Page) -> None:
    """10 % is the top of its scale, and is reached."""
    top = page.locator("svg.plot line.grid").last.get_attribute("y1")
    path = page.locator("svg.plot path.partly").get_attribute("d")
    assert top
    assert path
    heights = {float(y) for _, y in re.findall(r"([\d.]+) ([\d.]+)", path)}
    assert min(heights) == float(top)
    assert page.locator("svg.plot text", has_text="10 %").count() == 1
