"""The HTML report in a real browser: what it shows, how it is used, what cannot break it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from msgspec.structs import replace
from pindrill import scenarios
from pindrill.model import PRECEDENCE, TLS_VERSIONS, VerdictWord
from pindrill.reports import html
from pindrill.reports.run import Run
from pindrill.results.finding import FindingLine
from pindrill.results.line import ResultLine
from playwright.sync_api import Browser, Dialog, Page, expect, sync_playwright
from support.made_results import HOSTILE, finding, hostile_line, known, line

CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium-headless-shell")

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


def contrast(one: tuple[float, ...], two: tuple[float, ...]) -> float:
    """WCAG 2 section 1.4.3."""
    light = sorted((_luminance(one), _luminance(two)))
    return (light[1] + 0.05) / (light[0] + 0.05)


def _luminance(colour: tuple[float, ...]) -> float:
    parts = [c / 255 for c in colour]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


# --- the first view --------------------------------------------------------------------------------------------


def test_the_first_view_answers_what_is_asked(show: Show) -> None:
    page = show([line("leaked"), line("pass", client="b")])
    for text in (
        "Not safe: 1 of 2 clients lets data out",
        "What broke, and what to do",
        "Move the check before the request",
        "pindrill drill --only interception/untrusted-ca",
    ):
        box = page.get_by_text(text).first.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= DESKTOP["height"]
    assert page.title() == "Not safe: 1 of 2 clients lets data out · pindrill"


def test_without_a_script_the_first_view_is_the_same(show: Show) -> None:
    page = show([line("leaked")], [finding()], java_script_enabled=False)
    expect(page.get_by_role("heading", level=1)).to_have_text("Not safe: 1 of 1 client lets data out")
    expect(page.locator(".card")).to_have_count(1)
    expect(page.get_by_text("example.com has 1 pin and no backup")).to_be_visible()
    expect(page.locator("#matrix")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_it_fits_and_can_be_read(show: Show, scheme: str, viewport: dict[str, int]) -> None:
    page = show(every_verdict(), [finding()], color_scheme=scheme, viewport=viewport)
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (_luminance(_rgb(background)) < 0.2) == (scheme == "dark")
    check_words(page)
    page.locator(".chip").first.click()
    page.wait_for_selector("dialog[open]")
    check_words(page)
    for element in ("document.documentElement", "document.querySelector('dialog')"):
        assert page.evaluate(f"{element}.scrollWidth") <= viewport["width"]


def check_words(page: Page) -> None:
    both = "all => all.map((e) => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor])"
    colours = [pair for pair in page.eval_on_selector_all(".word, .mark, .pin", both) if "rgba" not in pair[1]]
    assert len(colours) > 20
    for ink, paper in colours:
        assert contrast(_rgb(ink), _rgb(paper)) >= 4.5


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(float(part) for part in re.findall(r"[\d.]+", colour)[:3])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility_as_axe_judges_it(show: Show, scheme: str) -> None:
    page = show(every_verdict(), [finding()], color_scheme=scheme, bypass_csp=True)
    assert _violations(page) == []
    page.locator(".chip").first.click()
    page.wait_for_selector("dialog[open]")
    assert _violations(page) == []


def _violations(page: Page) -> list[tuple[str, str]]:
    found = Axe().run(page).response["violations"]
    return [(each["id"], node["html"][:200]) for each in found for node in each["nodes"]]


def test_it_prints_every_row_and_no_controls(show: Show) -> None:
    cells = [line("pass", scenario=f"interception/s-{number}") for number in range(400)]
    page = show(cells)
    assert page.locator("tbody th").count() < 200
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    expect(page.locator("tbody th")).to_have_count(400)
    expect(page.locator(".filter")).to_be_hidden()
    assert page.evaluate(
        "document.getElementById('scroll').scrollHeight === document.getElementById('scroll').clientHeight"
    )


# --- use -------------------------------------------------------------------------------------------------------


def test_a_cell_is_opened_by_keyboard_and_closed_again(show: Show) -> None:
    page = show([line("pass"), line("leaked", client="b"), line("pass", scenario="interception/z")])
    page.locator("#swap").focus()
    page.keyboard.press("Tab")
    focused = page.locator("td:focus")
    expect(focused).to_have_attribute("aria-label", "app, IN2 untrusted-ca: pass")
    page.keyboard.press("ArrowRight")
    expect(focused).to_have_attribute("aria-label", "b, IN2 untrusted-ca: leaked")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.locator("#story-title")).to_be_focused()
    expect(page.locator("#story-title")).to_contain_text("b IN2 untrusted-ca leaked")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(focused).to_have_attribute("aria-label", "b, IN2 untrusted-ca: leaked")
    # There is no cell of `b` in the last row: the focus stays.
    page.keyboard.press("ArrowDown")
    expect(focused).to_have_attribute("aria-label", "b, IN2 untrusted-ca: leaked")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowDown")
    expect(focused).to_have_attribute("aria-label", "app, IN2 z: pass")


def test_the_story_tells_what_was_served_done_and_how_to_repeat_it(show: Show) -> None:
    page = show([line("leaked", control={"genuine": "accepted", "pin": "accepted"}, attribution="pin")])
    page.locator(".chip").click()
    story = page.get_by_role("dialog")
    for title in (
        "What it is",
        "What was served",
        "What the client did",
        "Why this is wrong",
        "What to do",
        "Repeat just this cell",
        "What to read",
    ):
        expect(story.get_by_role("heading", name=title)).to_be_visible()
    expect(story.locator(".certificate")).to_contain_text("app.pin.test")
    expect(story.locator(".pins li")).to_contain_text("matches certificate 1")
    expect(story.locator(".time .bad").first).to_contain_text("4.00 ms")
    expect(story).to_contain_text("So the refusal was the pin's doing.")
    expect(story.locator(".copy code")).to_have_text(
        "pindrill drill --only interception/untrusted-ca --client clients/app.toml"
    )
    link = story.get_by_role("link", name="RFC 5280 section 6.1")
    expect(link).to_have_attribute("href", "https://www.rfc-editor.org/rfc/rfc5280#section-6.1")


def test_every_verdict_has_a_story(show: Show) -> None:
    page = show(every_verdict())
    for number, word in enumerate(PRECEDENCE):
        page.locator(f'td[data-row="{number}"]').first.click()
        expect(page.locator("#story-title .word")).to_have_text(word)
        page.keyboard.press("Escape")


def test_versions_that_differ_are_shown_apart_and_can_be_chosen(show: Show) -> None:
    page = show([line("pass", tls="1.2"), line("fail-open", tls="1.3")])
    cell = page.locator("td[data-row]")
    expect(cell.locator(".mark")).to_have_text(["✓", "OPEN"])
    expect(cell).to_have_attribute("aria-label", "app, IN2 untrusted-ca: TLS 1.2 pass, TLS 1.3 fail-open")
    cell.click()
    expect(page.locator("#story-title .word")).to_have_text("fail-open")
    page.get_by_role("button", name="TLS 1.2 pass").click()
    expect(page.locator("#story-title .word")).to_have_text("pass")
    page.get_by_role("button", name="Next →").click()
    expect(page.locator("#story-title .word")).to_have_text("fail-open")
    expect(page.get_by_role("button", name="Next →")).to_be_disabled()


@pytest.mark.parametrize(
    ("text", "count"),
    [("app", 26), ("APP s-pass", 2), ("1.3", 27), ("third fail-open", 1), ("in2 other", 26), ("x y", 0)],
)
def test_filtering_by_text(show: Show, text: str, count: int) -> None:
    page = show(every_verdict())
    page.get_by_role("searchbox").fill(text)
    expect(page.locator("#shown")).to_have_text(f"{count} of 53 cells")
    if count == 2:
        expect(page.locator("tbody th")).to_have_text(["IN2s-pass"])


def test_filtering_by_verdict_and_swapping(show: Show) -> None:
    page = show(every_verdict())
    outage = page.get_by_role("button", name="outage 4", exact=True)
    outage.click()
    expect(outage).to_have_attribute("aria-pressed", "true")
    expect(page.locator("tbody th")).to_have_text(["IN2s-outage"])
    page.get_by_role("button", name="leaked 4").click()
    expect(page.locator("#shown")).to_have_text("8 of 53 cells")
    page.get_by_role("button", name="Swap rows and columns").click()
    expect(page.locator("tbody th")).to_have_text(["app", "other"])
    expect(page.get_by_role("grid")).to_have_attribute("aria-label", "Verdicts, clients by scenarios")


def test_a_cell_has_an_address(show: Show) -> None:
    cells = [line("pass", tls="1.2"), line("leaked", client="b & c")]
    page = show(cells)
    page.locator(".chip").click()
    page.wait_for_selector("dialog[open]")
    fragment = page.evaluate("location.hash")
    again = show(cells, fragment=fragment)
    expect(again.locator("#story-title")).to_contain_text("b & c IN2")


# --- what cannot break it --------------------------------------------------------------------------------------


def test_nothing_that_a_peer_sends_becomes_markup(show: Show) -> None:
    page = show([hostile_line(), line("pass")], [finding(message=HOSTILE, file=HOSTILE, fix=HOSTILE, rule=HOSTILE)])
    assert page.locator("img").count() == 0
    assert "\u202e" not in page.content()
    assert "49" not in page.locator(".card").first.inner_text()
    page.locator(".chip").click()
    story = page.get_by_role("dialog")
    expect(story.locator(".time")).to_contain_text("onerror=alert(1)")
    expect(story.locator(".certificate").first).to_contain_text("</script>")
    page.locator("summary").first.click()
    expect(story.locator("pre").first).to_contain_text("onerror=alert(1)")
    assert page.locator("img").count() == 0


def test_the_policy_lets_no_other_script_run(show: Show, complaints: list[str]) -> None:
    page = show([line("pass")])
    policy = page.get_attribute("meta[http-equiv]", "content") or ""
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    ran = page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.ran = true";
          document.body.append(script);
          return window.ran;
        }"""
    )
    assert ran is None
    [blocked] = complaints
    assert "Executing inline script violates" in blocked
    complaints.clear()


def test_an_empty_run_says_so(show: Show) -> None:
    page = show([])
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing was run")
    expect(page.locator("#matrix")).to_be_hidden()


def test_100_000_cells_stay_usable(show: Show) -> None:
    ids = [each.id for each in scenarios.CATALOGUE[:50]]
    bare = line("pass", stages=[])
    cells = [
        replace(
            bare,
            client=f"app-{client}",
            scenario=scenario,
            tls=tls,
            verdict=VerdictWord.PASS if client % 9 else VerdictWord.LEAKED,
        )
        for client in range(1000)
        for scenario in ids
        for tls in TLS_VERSIONS
    ]
    page = show(cells)
    expect(page.locator("#shown")).to_have_text("100,000 of 100,000 cells")
    assert page.evaluate("document.querySelectorAll('*').length") < 10_000
    page.evaluate("document.getElementById('scroll').scrollTop = 1e9")
    expect(page.get_by_role("rowheader", name="app-999")).to_be_visible()
    page.get_by_role("searchbox").fill(f"app-777 {ids[7]}")
    expect(page.locator("#shown")).to_have_text("2 of 100,000 cells")
    page.locator("td[data-row]").click()
    expect(page.locator("#story-title")).to_contain_text("app-777")
