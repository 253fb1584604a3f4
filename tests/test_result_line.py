"""The result line: one type, its published schema made from it, and files of earlier and later versions."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from pindrill import reports
from pindrill.clients.client_file import Known
from pindrill.model import ClientHello, Observation
from pindrill.reports.tame import harmless_line, harmless_output
from pindrill.results.check import check_result
from pindrill.results.earlier import stale
from pindrill.results.file import ResultFile
from pindrill.results.line import ResultLine, RunResult, StageResult, line_of, line_text, plain_line, read_line
from pindrill.results.stored import read_stored
from support.cli import CURL, Pindrill, read_lines
from support.made_results import finding, line, observation, told_line, write
from test_layering import MODULES, imports_of

SCHEMA = Path(reports.__file__).parent / "schemas" / "result.schema.json"
HALF_A_PAIR = "\ud83d"


def test_every_field_is_described() -> None:
    whole = json.loads(SCHEMA.read_text())
    told = {"run": {"report"}, "report": set(), "certificate": set(), "stage": set(), "told_observation": set()}
    for name, silent in told.items():
        properties = whole["$defs"][name]["properties"]
        assert {key for key, part in properties.items() if not part.get("description")} == silent
    assert all(part.get("description") for part in whole["properties"].values())


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"known": {"reason": "documented", "source": ""}, "shard": "1/3", "supersedes": True, "via": "mitmproxy 12"},
        {"unwatched": ["port 80"], "stages": []},
        {"reason": HALF_A_PAIR, "repeat": "\u2028\x85é\x00"},
    ],
    ids=["ordinary", "all that may be there", "not run", "odd text"],
)
def test_a_line_is_read_as_it_was_written(fields: dict[str, Any]) -> None:
    whole = line(**fields)
    text = line_text(whole)
    assert text.isascii()
    assert "\n" not in text
    check_result(json.loads(text))
    assert read_line(text.encode()) == line_of(json.loads(text)) == whole
    assert {name for name in ("shard", "supersedes", "unwatched", "via") if name in json.loads(text)} == {
        name for name in ("shard", "supersedes", "unwatched", "via") if name in fields
    }


def without_later_facts() -> dict[str, Any]:
    """As the first version wrote it."""
    told = told_line()
    [run] = told["stages"][0]["runs"]
    run["strays"] = [{"where": "port 80", "observation": observation()}]
    for seen in (*run["observations"], run["strays"][0]["observation"]):
        for name in Observation.LATER:
            del seen[name]
        for name in ClientHello.LATER:
            del seen["hello"][name]
    return told


def test_a_line_of_an_earlier_version_is_read() -> None:
    told = without_later_facts()
    before = json.dumps(told)
    check_result(told)
    for read in (line_of(told), read_line(before.encode())):
        [run] = read.stages[0].runs
        for seen in (*run.observations, run.strays[0].observation):
            assert (seen.plain_secrets, seen.unread_bytes) == ((), 0)
            assert seen.hello
            assert (seen.hello.ja4, seen.hello.stack) == ("", "")
    assert json.dumps(told) == before


def test_and_shown(pindrill: Pindrill) -> None:
    path = write(pindrill.directory / "r.jsonl", [without_later_facts()])
    for name in ("html", "text"):
        assert pindrill.call("report", str(path), "-f", name).code == 0


@pytest.mark.parametrize("name", ["data_bytes", "story", "hello"])
def test_a_fact_that_was_always_told_is_missed(name: str) -> None:
    told = told_line()
    del told["stages"][0]["runs"][0]["observations"][0][name]
    with pytest.raises(ValueError, match=name):
        check_result(told)
    with pytest.raises((ValueError, KeyError), match=name):
        line_of(told)


def test_half_a_surrogate_pair_comes_through_a_file(pindrill: Pindrill) -> None:
    path = pindrill.directory / "r.jsonl"
    file = ResultFile(path, resume=False)
    file.append(line("leaked", reason=HALF_A_PAIR))
    file.close()
    assert read_stored([path])[0].reason == HALF_A_PAIR
    again = ResultFile(path, resume=True)
    assert [each.reason for each in again.earlier] == [HALF_A_PAIR]
    again.close()
    ran = pindrill.call("report", str(path), "-f", "markdown")
    assert ran.code == 0
    assert HALF_A_PAIR not in ran.out


# --- later versions ------------------------------------------------------------------------------------------


def newer(**fields: Any) -> dict[str, Any]:
    """As a version to come may write it: with facts that this one does not know, at every depth."""
    told = told_line(**fields)
    told["stages"][0]["runs"][0]["observations"][0]["quic"] = {"version": 1}
    told["stages"][0]["colour"] = "green"
    return {**told, "fleet": ["a", "b"]}


def test_what_only_a_later_version_knows_survives_merging(pindrill: Pindrill) -> None:
    parts = [
        write(pindrill.directory / f"{number}.jsonl", [newer(round=number, shard=f"{number}/2")]) for number in (1, 2)
    ]
    whole = pindrill.directory / "whole.jsonl"
    ran = pindrill.call("merge", *map(str, parts), "--json", str(whole))
    assert (ran.code, ran.err) == (0, "")
    assert read_lines(whole) == json.loads(json.dumps([newer(round=1), newer(round=2)]))


def test_and_resuming(pindrill: Pindrill) -> None:
    ran = pindrill.drill(CURL, "--tls", "1.3", only=("BL1",))
    [told] = ran.results
    text = json.dumps({**told, "fleet": ["a", "b"]}) + "\n"
    pindrill.json.write_text(text)
    assert pindrill.drill(CURL, "--tls", "1.3", "--resume", only=("BL1",)).code == 0
    assert pindrill.json.read_text() == text


def test_and_is_passed_over_by_reports(pindrill: Pindrill) -> None:
    path = write(pindrill.directory / "r.jsonl", [newer()])
    assert list(read_stored([path])) == [line()]


# --- texts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["\x1b[31m", "\x7f", "\u202e", "a\u2028b", HALF_A_PAIR, "\x00", "\\\x1b", '"\\\\\x9b'])
def test_what_steers_a_terminal_is_found_wherever_it_stands(text: str) -> None:
    odd = told_line(reason=text)
    odd["stages"][0]["runs"][0]["observations"][0]["failure"] = text
    for tame in (harmless_line, harmless_output):
        tamed = tame(line_of(odd))
        for found in (tamed.reason, tamed.stages[0].runs[0].observations[0].failure):
            assert found.isprintable()
            assert "\ufffd" in found
    assert harmless_line(finding(message=text)).message.isprintable()


def test_harmless_lines_are_left_as_they_are() -> None:
    plain = line(repeat="pindrill drill --only 'x' -- sh -c \"a\\b\"")
    assert harmless_line(plain) is plain
    printed = line(reason="a\n\tb")
    assert harmless_output(printed) is printed
    assert harmless_line(printed).reason == "a\ufffd\ufffdb"


# --- one owner -----------------------------------------------------------------------------------------------

FIELDS = {name for kind in (ResultLine, StageResult, RunResult) for name in kind.__struct_fields__}


def keys_in(tree: ast.AST) -> list[tuple[int, str]]:
    """Constant keys by which a named thing is asked."""
    found = []
    for node in ast.walk(tree):
        asked: ast.expr | None = None
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name | ast.Attribute | ast.Subscript):
            asked = node.slice
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            asked = node.args[0] if node.func.attr in ("get", "pop", "setdefault") else None
        if isinstance(asked, ast.Constant) and isinstance(asked.value, str):
            found.append((asked.lineno, asked.value))
    return found


def readers_of(wanted: Callable[[str], bool]) -> dict[str, ast.Module]:
    """Modules that import one of the owner's."""
    found = {}
    for dotted, path in MODULES.items():
        asked = [name for name in imports_of(dotted, path) if name.startswith("pindrill.results")]
        if not dotted.startswith("pindrill.results") and any(map(wanted, asked)):
            found[dotted] = ast.parse(path.read_text())
    return found


def test_nobody_but_the_owner_asks_a_result_line_for_a_key() -> None:
    readers = readers_of(lambda name: name != "pindrill.results.audit_line")
    assert len(readers) > 15
    for dotted, tree in readers.items():
        assert not [key for key in keys_in(tree) if key[1] in FIELDS], dotted


def test_nor_the_line_of_an_audit() -> None:
    readers = readers_of(lambda name: name == "pindrill.results.audit_line")
    assert len(readers) > 5
    for dotted, tree in readers.items():
        asked = [node.value for node in ast.walk(tree) if isinstance(node, ast.Subscript)]
        assert not [name for name in asked if isinstance(name, ast.Name) and name.id == "line"], dotted


def test_the_search_for_keys_finds_them() -> None:
    text = 'a["verdict"]; a.b["known"]; a["stages"][0]["runs"]; a.get("shard"); a.get(b); vars(a)["tls"]; a.tls'
    assert [key for _, key in keys_in(ast.parse(text))] == ["verdict", "known", "runs", "shard", "stages"]


def test_a_line_is_frozen_and_its_plain_values_are_its_own() -> None:
    whole = line()
    with pytest.raises(AttributeError):
        whole.reason = "another"  # type: ignore[misc]
    plain = plain_line(whole)
    plain["reason"] = "another"
    assert whole.reason != "another"
    assert replace(whole, reason="another").reason == "another"


def test_a_pass_in_which_nothing_was_tried_ends_no_known_deviation() -> None:
    known = Known(
        scenarios=("RP4",), strategies=("*",), tls=("1.2", "1.3"), verdict="fail-open", reason="so", source=""
    )
    tried = line(code="RP4", client="app")
    untried = replace(tried, vacuous="no ticket was offered: nothing to show")
    assert stale("app", [known], [untried]) == []
    assert stale("app", [known], [tried]) == ["app: RP4 is listed as a known fail-open, but did not happen"]
