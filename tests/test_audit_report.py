"""The reports of an audit and the published form of its lines, over verdicts that the judge made."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from jsonschema import Draft202012Validator, ValidationError
from msgspec.structs import replace
from pindrill import reports
from pindrill.audits.audit_lines import audit_line
from pindrill.audits.facts import Condition, Contact, Destination, Readable, ReadableKind
from pindrill.audits.verdict import judge
from pindrill.audits.words import FAILURES, AuditWord
from pindrill.reports import audit_html, audit_text, audit_words
from pindrill.results.audit_line import AuditLine, ConditionResult, ReadableName
from pindrill.results.line import line_text, plain_line
from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from support.audit_rows import PLACES
from support.contacts import HOST, SECOND, C, in_order, leaked, passed, plain, read, told, trust
from support.made_results import HOSTILE
from support.scheduled import audit, everything, with_other
from support.simulated_app import Client, Wire
from test_audit_pinned import ROWS as PINNED_ROWS
from test_audit_pinned_trust import ROWS as TRUST_ROWS
from test_audit_readings import ROWS as READING_ROWS
from test_audit_verdict import ROWS

CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
SCHEMA: dict[str, Any] = json.loads((Path(reports.__file__).parent / "schemas" / "audit.schema.json").read_text())
NAMED = Destination("never.pin.test", 443)
ITEMS: dict[type[Any], str] = {ReadableName: "readable", ConditionResult: "conditions"}


def lines(contacts: list[Contact], app: str = "shop", named: tuple[Destination, ...] = ()) -> list[AuditLine]:
    found = judge(contacts, named=named)
    return [audit_line(each, app=app, mode="proxy", repeat="pindrill audit --proxy -- shop") for each in found]


def at(name: str) -> dict[str, Any]:
    return {"destination": Destination(name, 443)}


def every_word() -> list[AuditLine]:
    """One destination for each verdict; the judge made them."""
    cookie = (Readable(ReadableKind.COOKIE, "session", 21), Readable(ReadableKind.AUTHORIZATION, "Bearer", 300))
    made = lines(
        in_order(
            *trust(),
            *(passed(), told(), told(), *PLACES),
            read(**at("read.test"), readable=cookie),
            read(C.SELF_SIGNED, **at("careless.test")),
            read(C.OTHER_HOST, **at("name.test")),
            *(passed(**at("late.test")), leaked(**at("late.test")), leaked(**at("late.test"))),
            *(read(**at("mixed.test")), told(**at("mixed.test"))),
            *(passed(**at("fall.test")), told(**at("fall.test")), plain(Destination("fall.test", 80))),
            told(**at("once.test")),
        ),
        named=(NAMED,),
    )
    return made + lines(in_order(passed(), told(), told()), app="alone")


def rendered(made: list[AuditLine], gaps: tuple[str, ...] = ()) -> str:
    console = Console(file=io.StringIO(), width=120, color_system=None)
    audit_text.print_report(console, made, gaps)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_every_word_is_there() -> None:
    assert {line.verdict for line in every_word()} == set(AuditWord)


# --- the published form ----------------------------------------------------------------------------------------


def closed(part: Any) -> Any:
    """The schema, with every object limited to what is documented."""
    if isinstance(part, list):
        return [closed(each) for each in part]
    if not isinstance(part, dict):
        return part
    copy = {key: closed(value) for key, value in part.items()}
    return {**copy, "additionalProperties": False} if "properties" in part else copy


STRICT = Draft202012Validator(closed(SCHEMA))


def test_lines_have_the_published_form() -> None:
    for row in (*ROWS, *PINNED_ROWS, *TRUST_ROWS, *READING_ROWS):
        for line in lines(in_order(*row.contacts)):
            STRICT.validate(json.loads(line_text(line)))
    for line in every_word():
        STRICT.validate(json.loads(line_text(line)))


def test_the_words_of_the_schema_are_those_of_the_judge() -> None:
    properties = SCHEMA["properties"]
    assert properties["verdict"]["enum"] == list(AuditWord)
    assert set(properties["conditions"]["items"]["properties"]["condition"]["enum"]) == {*Condition, None}
    assert set(properties["readable"]["items"]["properties"]["kind"]["enum"]) == set(ReadableKind)


def test_the_schema_names_the_fields_of_the_type() -> None:
    parts: list[tuple[type[Any], Any]] = [(AuditLine, SCHEMA)]
    parts += [(kind, SCHEMA["properties"][name]["items"]) for kind, name in ITEMS.items()]
    for kind, part in parts:
        assert list(part["properties"]) == part["required"] == list(kind.__struct_fields__)


@pytest.mark.parametrize("key", SCHEMA["required"])
def test_what_the_schema_requires_it_requires(key: str) -> None:
    line = plain_line(every_word()[0])
    del line[key]
    with pytest.raises(ValidationError):
        Draft202012Validator(SCHEMA).validate(line)


def test_the_words_of_the_reports_are_those_of_the_judge() -> None:
    for words in (audit_words.MEANING, audit_words.TITLE, audit_words.ADVICE):
        assert list(words) == list(AuditWord)
    assert audit_words.WRONG == FAILURES
    assert set(audit_words.TESTS) == FAILURES
    assert set(audit_words.CONDITION) == set(Condition)


# --- the terminal ----------------------------------------------------------------------------------------------


def test_the_table_says_what_pinned_means() -> None:
    shown = rendered(lines(in_order(*trust(), passed(), told(), told(), *PLACES)))
    assert re.search(r"app\.pin\.test:443 +pinned \(pin or private trust anchor\) +8", shown)
    assert "2 destinations: 1 intercepted, 1 pinned" in shown


def test_what_is_wrong_comes_with_its_evidence() -> None:
    shown = rendered(every_word())
    flowing = " ".join(shown.replace("\n| ", "\n").split())
    for line in every_word():
        assert line.destination in shown
        if line.verdict != "pinned":
            assert line.reason in flowing
    assert "cookie session (21)" in flowing
    assert "pindrill audit --proxy -- shop" in flowing
    assert shown.index("careless.test:443") < shown.index("late.test:443") < shown.index(str(HOST))


def test_what_could_not_be_asked_is_told() -> None:
    assert "Not asked: no chain of x:443" in rendered([], ("no chain of x:443",))
    assert "nobody was contacted" in rendered([])


def test_what_a_peer_wrote_does_not_steer_the_terminal() -> None:
    line = replace(lines(in_order(read()))[0], destination=f"{HOSTILE}:1", reason=HOSTILE, app=HOSTILE)
    shown = rendered([line], (HOSTILE,))
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "</script>" in shown


def test_the_live_table() -> None:
    wire = Wire(everything(per_start=False))
    wire.request(Client())
    wire.request(Client(), Destination(HOSTILE, 443))
    console = Console(file=io.StringIO(), width=200, color_system=None)
    console.print(audit_text.live_table(wire.schedule.state()))
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "app.pin.test:443" in shown
    assert "pass-through: passed through" in shown
    assert "trusted-ca" in shown
    assert "\x1b" not in shown


def test_changes() -> None:
    console = Console(file=io.StringIO(), width=120, color_system=None)
    changes = [{"destination": "a:443", "change": "worse", "sentence": "was pinned, is intercepted"}]
    audit_text.print_changes(console, changes)
    assert isinstance(console.file, io.StringIO)
    assert re.search(r"a:443 +worse +was pinned, is intercepted", console.file.getvalue())


# --- the page --------------------------------------------------------------------------------------------------


class Elements(HTMLParser):
    """Every tag, every attribute, and all text outside of the style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self._style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self._style = tag == "style"

    def handle_data(self, data: str) -> None:
        self.text += "" if self._style else data

    def handle_endtag(self, tag: str) -> None:
        self._style = False


def test_the_page_tells_every_destination() -> None:
    page = Elements(audit_html.render(every_word(), gaps=("no chain of x:443",)))
    text = " ".join(page.text.split())
    for line in every_word():
        assert line.destination in text
        assert line.reason in text
        assert line.repeat in text
    assert "pinned (pin or private trust anchor)" in text
    assert "cookie session 21" in text
    assert "no chain of x:443" in text
    assert "8 of 11 destinations let an interceptor read data" in text


def test_the_page_has_no_script_and_fetches_nothing() -> None:
    text = audit_html.render(every_word())
    page = Elements(text)
    assert not {"script", "img", "link", "iframe", "object", "form"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "style")]
    assert {value for name, value in page.attributes if name == "href"} <= {"#app-1", "#app-2"}
    policy = re.search(r'Policy" content="([^"]+)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; style-src 'sha256-")
    assert "url(" not in text


def test_what_a_peer_wrote_is_text() -> None:
    made = lines(in_order(read(readable=(Readable(ReadableKind.COOKIE, "x", 1),))))[0]
    hostile = replace(
        made,
        **dict.fromkeys(("app", "reason", "repeat", "stack", "mode"), HOSTILE),
        destination=f"{HOSTILE}:443",
        readable=(ReadableName(kind="cookie", name=HOSTILE, length=1),),
        conditions=tuple(replace(each, stories=(HOSTILE,)) for each in made.conditions),
    )
    page, plain_page = Elements(audit_html.render([hostile])), Elements(audit_html.render(lines(in_order(read()))))
    assert "img" not in page.tags
    assert "\u202e" not in page.text
    assert set(page.tags) - set(plain_page.tags) <= {"li", "ul"}
    assert page.text.count("{{7*7}}") >= 6


@pytest.mark.parametrize(
    ("contacts", "headline"),
    [
        ([], "No destination was contacted"),
        (in_order(read()), "1 of 1 destination lets an interceptor read data"),
        (in_order(passed(), told()), "Nothing was read, but not every destination could be judged"),
    ],
)
def test_headlines(contacts: list[Contact], headline: str) -> None:
    assert f"<h1>{headline}</h1>" in audit_html.render(lines(contacts))


def test_a_page_of_pinned_destinations_only() -> None:
    pinned = lines(audit(with_other(Client(pinned="validated"))).contacts)
    text = audit_html.render([line for line in pinned if line.verdict == "pinned"])
    assert "<h1>1 destination pinned</h1>" in text
    assert 'class="answer held"' in text


def test_a_later_line_takes_the_place_of_an_earlier_one() -> None:
    (first,) = lines(in_order(read()))
    text = audit_html.render([first, replace(first, reason="seen again")])
    assert first.reason not in text
    assert "seen again" in text


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """The page in a browser that may not run scripts of it; nothing is complained about, nothing fetched."""
    place = tmp_path / "audit.html"
    place.write_text(audit_html.render(every_word()))
    complaints: list[str] = []
    fetched: list[str] = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 390, "height": 800})
        opened.on("console", lambda message: complaints.append(message.text))
        opened.on("request", lambda request: fetched.append(request.url))
        opened.goto(place.as_uri())
        yield opened
        browser.close()
    assert complaints == []
    assert fetched == [place.as_uri()]


@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium-headless-shell")
def test_in_a_browser(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    first = page.locator(".destination").first
    assert not first.locator("table").is_visible()
    first.locator("summary").click()
    assert first.locator("table").is_visible()
    for summary in page.locator("summary").all()[1:]:
        summary.click()
    found = Axe().run(page, options={"resultTypes": ["violations"]})
    assert found.violations_count == 0, found.generate_report()


def test_a_second_stack_is_named() -> None:
    made = lines(in_order(passed(stack=SECOND), passed(), told(), told(), read(stack=SECOND)))
    assert SECOND in audit_html.render(made)
    assert SECOND in rendered(made)
