"""The HTML report in a real browser: how its cells are opened, chosen, filtered and found again."""

from __future__ import annotations

import pytest
from pindrill.model import PRECEDENCE
from playwright.sync_api import expect
from support.made_results import line
from support.report_pages import NEEDS_CHROMIUM, Show, browser, complaints, every_verdict, show

pytestmark = NEEDS_CHROMIUM
__all__ = ["browser", "complaints", "show"]


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
