"""Each format: its vectors parse to the model that its documentation promises, and write then read keeps it."""

from __future__ import annotations

import plistlib
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pindrill.model import UsageError
from pindrill.pinfiles import PinFile, PinFormat, PinRule, read, read_all, rules_for
from pindrill.pinfiles.formats import FORMAT, WRITTEN
from pindrill.pinfiles.write import write
from support.pin_vectors import AT, EXPECTED, LINT, MALFORMED, PLAIN, VECTORS, digest, expected_messages, pins


def rule(domain: str, *numbers: int, **traits: Any) -> PinRule:
    return PinRule(domain=domain, pins=pins(numbers), **traits)


LEAF: dict[str, Any] = {"position": "leaf"}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_vector_parses_to_its_model(name: str) -> None:
    file = read(VECTORS / name)
    assert file.format.name == Path(name).parent.name
    assert list(file.rules) == EXPECTED[name]
    assert file.crash == ""
    assert all(each.line > 0 for each in file.rules)


def test_git_takes_a_semicolon_that_is_quoted() -> None:
    """git itself is the judge of what the values are."""
    path = VECTORS / "git" / "config"
    told = {
        key: subprocess.run(
            ["git", "config", "--file", str(path), "--get", key], capture_output=True, text=True, check=False
        ).stdout.strip()
        for key in ("http.pinnedpubkey", "http.https://git.example.org/.pinnedpubkey")
    }
    assert told["http.pinnedpubkey"].count("sha256//") == 2
    file = read(path)
    assert list(file.rules) == [rule("", 1, 2, **LEAF), rule("git.example.org", 3, 4, **LEAF)]
    assert told["http.https://git.example.org/.pinnedpubkey"] == ";".join(pin.text for pin in file.rules[1].pins)


def test_git_refuses_an_escape_that_it_does_not_know(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text((VECTORS / "git" / "config").read_text().replace('";sha', '"\\;sha').replace("sha256//", "x\\q", 1))
    git = subprocess.run(["git", "config", "--file", str(path), "--list"], capture_output=True, text=True, check=False)
    assert git.returncode != 0
    assert "structure" in {finding.rule for finding in read(path).findings}
    assert read(path).crash


def test_every_format_has_a_vector_and_every_vector_a_model() -> None:
    assert {Path(name).parent.name for name in EXPECTED} | {"keyring"} == set(FORMAT)
    assert {str(path.relative_to(VECTORS)) for path in PLAIN} == set(EXPECTED)


# --- write then read -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in EXPECTED if FORMAT[Path(name).parent.name] in WRITTEN])
def test_write_then_read_gives_the_same_model(name: str, tmp_path: Path) -> None:
    file = read(VECTORS / name)
    again = read(written(file, file.format, tmp_path))
    assert again.rules == file.rules
    assert again.format is file.format
    assert again.settings == file.settings
    assert again.crash == ""


def written(file: PinFile, target: PinFormat, directory: Path, **options: Any) -> Path:
    suffix = {"okhttp": "kt" if file.settings.get("language", "kotlin") == "kotlin" else "java"}.get(target.name, "x")
    path = directory / f"{target}.{suffix}"
    path.write_text(write(file, target, at=AT, **options))
    return path


def test_a_git_section_for_a_wildcard_address(tmp_path: Path) -> None:
    wild = replace(
        read(VECTORS / "wget/fetch.sh"), rules=(rule("example.com", 1, subdomains="one", apex=False, **LEAF),)
    )
    assert read(written(wild, FORMAT["git"], tmp_path)).rules == wild.rules


def test_a_plist_in_binary_form_is_the_same(tmp_path: Path) -> None:
    for name in ("apple-ats/both-lists.plist", "trustkit-ios/ordinary.plist"):
        binary = tmp_path / "Info.plist"
        values = plistlib.loads((VECTORS / name).read_bytes())
        binary.write_bytes(plistlib.dumps(values, fmt=plistlib.FMT_BINARY, sort_keys=False))
        assert read(binary).rules == read(VECTORS / name).rules


def test_an_info_plist_with_both_kinds_of_pins(tmp_path: Path) -> None:
    values = {
        **plistlib.loads((VECTORS / "apple-ats/leaf.plist").read_bytes()),
        **plistlib.loads((VECTORS / "trustkit-ios/ordinary.plist").read_bytes()),
    }
    path = tmp_path / "Info.plist"
    path.write_bytes(plistlib.dumps(values))
    assert [file.format for file in read_all(path)] == [FORMAT["trustkit-ios"], FORMAT["apple-ats"]]
    with pytest.raises(UsageError, match="several formats"):
        read(path)


def test_utf16_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "config.xml"
    text = (VECTORS / "android-nsc/ordinary.xml").read_text().replace("utf-8", "utf-16")
    path.write_bytes(text.encode("utf-16"))
    assert list(read(path).rules) == EXPECTED["android-nsc/ordinary.xml"]


# --- what has no equal ---------------------------------------------------------------------------------------

NO_EQUAL: list[tuple[str, PinFormat, dict[str, Any], list[str]]] = [
    ("android-nsc/ordinary.xml", FORMAT["trustkit-ios"], {}, ["time-zone"]),
    ("android-nsc/ordinary.xml", FORMAT["okhttp"], {}, ["expires"]),
    ("android-nsc/ordinary.xml", FORMAT["apple-ats"], {"pins_are": "leaf"}, ["subdomains", "expires"]),
    ("android-nsc/ordinary.xml", FORMAT["curl"], {}, ["subdomains", "position", "expires"]),
    ("trustkit-ios/ordinary.plist", FORMAT["okhttp"], {}, ["report-uris", "expires", "exclusion"]),
    ("trustkit-ios/report-only.plist", FORMAT["android-nsc"], {}, ["enforcement"]),
    ("apple-ats/both-lists.plist", FORMAT["android-nsc"], {}, ["subdomains", "position"]),
    ("apple-ats/leaf.plist", FORMAT["hpkp"], {}, ["domain"]),
    ("okhttp/Pinner.kt", FORMAT["android-nsc"], {}, ["subdomains"]),
    (
        "okhttp/Pinner.kt",
        FORMAT["curl"],
        {"pins_are": "ca"},
        ["position", "subdomains", "position", "subdomains", "position"],
    ),
    ("curl/fetch.sh", FORMAT["okhttp"], {}, ["mode"]),
    ("curl/curlrc", FORMAT["android-nsc"], {}, ["settings"]),
    ("flutter/client.dart", FORMAT["android-nsc"], {}, ["certificate", "certificate"]),
    ("dane/zone.txt", FORMAT["android-nsc"], {}, ["mode", "mode", "certificate"]),
]


@pytest.mark.parametrize(("name", "target", "options", "kinds"), NO_EQUAL, ids=lambda value: str(value)[:40])
def test_what_has_no_equal_is_listed(name: str, target: PinFormat, options: dict[str, Any], kinds: list[str]) -> None:
    with pytest.raises(UsageError, match="no equal") as caught:
        write(read(VECTORS / name), target, at=AT, **options)
    lines = [line for line in str(caught.value).splitlines() if line.startswith("  ")]
    assert sorted(line.split(": ")[1] for line in lines) == sorted(kinds)
    assert all(f"{VECTORS / name}:" in line for line in lines)


@pytest.mark.parametrize(
    ("name", "target", "options"),
    [
        ("android-nsc/ordinary.xml", FORMAT["trustkit-ios"], {"drop": ["time-zone"]}),
        ("android-nsc/ordinary.xml", FORMAT["okhttp"], {"drop": ["expires"]}),
        ("apple-ats/leaf.plist", FORMAT["android-nsc"], {}),
        ("apple-ats/leaf.plist", FORMAT["curl"], {}),
        ("wget/fetch.sh", FORMAT["apple-ats"], {}),
        ("hpkp/header.txt", FORMAT["hpkp"], {}),
    ],
    ids=str,
)
def test_a_conversion_keeps_the_pins(name: str, target: PinFormat, options: dict[str, Any], tmp_path: Path) -> None:
    before, after = read(VECTORS / name), read(written(read(VECTORS / name), target, tmp_path, **options))
    assert after.format is target
    assert [each.all_pins for each in after.rules] == [each.all_pins for each in before.rules]
    assert [each.domain for each in after.rules] == [each.domain for each in before.rules]


def test_an_expired_set_is_not_brought_back_in_silence() -> None:
    file = read(VECTORS / "android-nsc/ordinary.xml")
    late = datetime(2031, 1, 1, tzinfo=UTC)
    with pytest.raises(UsageError, match="they would bind again"):
        write(file, FORMAT["okhttp"], at=late, drop=["expires"])
    assert "**.example.com" in write(file, FORMAT["okhttp"], at=late, drop=["expires", "expired"])


def test_a_file_that_stops_the_app_is_not_converted() -> None:
    with pytest.raises(UsageError, match="does not start"):
        write(read(LINT / "pin-prefix/bad.xml"), FORMAT["okhttp"], at=AT)


def test_a_pin_that_nothing_matches_is_not_written() -> None:
    with pytest.raises(UsageError, match="never-matches"):
        write(read(LINT / "pin-prefix/bad.kt"), FORMAT["android-nsc"], at=AT)


def test_a_format_that_is_only_read() -> None:
    with pytest.raises(UsageError, match="can be read, not written"):
        write(read(VECTORS / "wget/fetch.sh"), FORMAT["envoy"], at=AT)


# --- which rule applies --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "host", "expected"),
    [
        ("android-nsc/nested.xml", "EXAMPLE.com.", [1, 2]),
        ("android-nsc/nested.xml", "a.b.example.com", [1, 2]),
        ("android-nsc/nested.xml", "own.example.com", [3, 4]),
        ("android-nsc/nested.xml", "a.own.example.com", [1, 2]),
        ("android-nsc/nested.xml", "a.example.org", []),
        ("trustkit-ios/ordinary.plist", "open.example.com", []),
        ("trustkit-ios/ordinary.plist", "a.open.example.com", [1, 2]),
        ("apple-ats/both-lists.plist", "example.com", [1, 2, 3, 4]),
        ("apple-ats/both-lists.plist", "a.example.com", [1, 2, 3, 4]),
        ("apple-ats/both-lists.plist", "a.b.example.com", []),
        ("okhttp/Pinner.kt", "a.example.com", [1, 2]),
        ("okhttp/Pinner.kt", "a.b.example.com", []),
        ("okhttp/Pinner.kt", "a.b.example.org", [3, 4]),
        ("okhttp/Pinner.kt", "example.org", [3, 4]),
        ("curl/curlrc", "anything.example", [1, 2]),
        ("curl/fetch.sh", "other.example", []),
    ],
)
def test_which_pins_a_host_gets(name: str, host: str, expected: list[int]) -> None:
    found = {pin.digest for each in rules_for(read(VECTORS / name), host) for pin in each.all_pins}
    assert found == {digest(number) for number in expected}


# --- malformed -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "expected"), expected_messages().items())
def test_a_malformed_file_is_refused_with_its_line(name: str, expected: str) -> None:
    path = MALFORMED / name
    if path.name == "no-value.sh":  # the option without a value is a finding: curl itself reads the file on
        assert expected in read(path).findings[0].message
        return
    with pytest.raises(UsageError) as caught:
        read_all(path)
    assert str(caught.value).startswith(f"{path}:")
    assert expected in str(caught.value)
    assert "; " in str(caught.value)


def test_every_malformed_file_has_a_message() -> None:
    files = {path for path in MALFORMED.glob("*/*") if path.name != "expected.json"}
    assert {str(path.relative_to(MALFORMED)) for path in files} == set(expected_messages())
