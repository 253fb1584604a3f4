"""The HTML report in a real browser: what it shows, and what cannot break it."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from msgspec.structs import replace
from pindrill import scenarios
from pindrill.model import TLS_VERSIONS, VerdictWord
from playwright.sync_api import Page, expect
from support.made_results import HOSTILE, finding, hostile_line, line
from support.report_pages import DESKTOP, NEEDS_CHROMIUM, PHONE, Show, browser, complaints, every_verdict, show

pytestmark = NEEDS_CHROMIUM
__all__ = ["browser", "complaints", "show"]


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
