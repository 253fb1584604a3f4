"""Each format: its vectors parse to the model that its documentation promises, and write then read keeps it."""

from __future__ import annotations

import plistlib
import subprocess
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pindrill.model import UsageError
from pindrill.pinfiles import DeclaredPin, Expiry, PinFile, PinFormat, PinRule, read, read_all, rules_for
from pindrill.pinfiles.losses import TARGETS
from pindrill.pinfiles.write import write
from support.pin_vectors import AT, LINT, MALFORMED, VECTORS, digest

LOCAL = Expiry(day=date(2030, 1, 31), zone="local")
UTC_DAY = Expiry(day=date(2030, 1, 31), zone="utc")
REPORTS = ("https://reports.example.net/pins",)


def pins(*numbers: int) -> tuple[DeclaredPin, ...]:
    return tuple(DeclaredPin(text="", digest=digest(number)) for number in numbers)


def rule(domain: str, *numbers: int, **traits: Any) -> PinRule:
    return PinRule(domain=domain, pins=pins(*numbers), **traits)


LEAF: dict[str, Any] = {"position": "leaf"}
MODELS: dict[str, tuple[PinFormat, list[PinRule]]] = {
    "android-nsc/ordinary.xml": (PinFormat.NSC, [rule("example.com", 1, 2, subdomains="all", expires=LOCAL)]),
    "android-nsc/nested.xml": (
        PinFormat.NSC,
        [
            rule("example.com", 1, 2, subdomains="all", expires=LOCAL),
            rule("example.org", 1, 2, expires=LOCAL),
            rule("inherits.example.com", 1, 2, subdomains="all", expires=LOCAL),
            rule("own.example.com", 3, 4),
        ],
    ),
    "trustkit-android/ordinary.xml": (
        PinFormat.TRUSTKIT_ANDROID,
        [rule("example.com", 1, 2, subdomains="all", expires=LOCAL, report_uris=REPORTS, min_pins=2)],
    ),
    "trustkit-android/report-only.xml": (
        PinFormat.TRUSTKIT_ANDROID,
        [rule("example.com", 1, subdomains="all", enforce=False)],
    ),
    "trustkit-ios/ordinary.plist": (
        PinFormat.TRUSTKIT_IOS,
        [
            rule("example.com", 1, 2, subdomains="all", expires=UTC_DAY, report_uris=REPORTS, min_pins=2),
            rule("open.example.com", excluded=True),
        ],
    ),
    "trustkit-ios/report-only.plist": (PinFormat.TRUSTKIT_IOS, [rule("example.com", 1, enforce=False)]),
    "apple-ats/both-lists.plist": (
        PinFormat.ATS,
        [
            rule("example.com", 1, 2, ca_pins=pins(3, 4), subdomains="one", position="leaf-and-ca"),
            rule("example.org", ca_pins=pins(3, 4), position="leaf-and-ca"),
        ],
    ),
    "apple-ats/leaf.plist": (PinFormat.ATS, [rule("api.example.com", 1, 2, position="leaf-and-ca")]),
    "okhttp/Pinner.kt": (
        PinFormat.OKHTTP,
        [
            rule("example.com", 1, 2),
            rule("example.com", 1, 2, subdomains="one", apex=False),
            rule("example.org", 3, 4, subdomains="all"),
        ],
    ),
    "okhttp/Pinner.java": (PinFormat.OKHTTP, [rule("example.com", 1, 2)]),
    "curl/fetch.sh": (
        PinFormat.CURL,
        [rule("example.com", 1, 2, **LEAF), rule("192.0.2.1", 1, 2, mode="replace", check_host=False, **LEAF)],
    ),
    "curl/curlrc": (PinFormat.CURL, [rule("", 1, 2, **LEAF)]),
    "wget/fetch.sh": (PinFormat.WGET, [rule("example.com", 1, 2, **LEAF)]),
    "hpkp/header.txt": (
        PinFormat.HPKP,
        [rule("", 1, 2, subdomains="all", min_pins=2, report_uris=("https://reports.example.net/",))],
    ),
    "envoy/cluster.yaml": (
        PinFormat.ENVOY,
        [rule("", 1, 2, **LEAF), rule("", 1, of="certificate", **LEAF)],
    ),
    "dane/zone.txt": (
        PinFormat.DANE,
        [
            rule("example.com", 1, mode="replace", check_host=False, **LEAF),
            rule("example.com", 2, mode="replace", check_host=False, **LEAF),
            rule("mx.example.org", 1, of="certificate", **LEAF),
        ],
    ),
    "flutter/client.dart": (PinFormat.FLUTTER, [rule("example.com", 1, 2, of="certificate", **LEAF)]),
    "react-native/pinning.ts": (
        PinFormat.REACT_NATIVE,
        [rule("example.com", 1, 2, subdomains="all", expires=UTC_DAY, min_pins=2)],
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_vector_parses_to_its_model(name: str) -> None:
    file = read(VECTORS / name)
    form, rules = MODELS[name]
    assert file.format is form
    assert list(file.rules) == rules
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


def test_every_format_has_a_vector() -> None:
    assert {form for form, _ in MODELS.values()} | {PinFormat.GIT, PinFormat.KEYRING} == set(PinFormat)


# --- write then read -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name, (form, _) in MODELS.items() if form in TARGETS])
def test_write_then_read_gives_the_same_model(name: str, tmp_path: Path) -> None:
    file = read(VECTORS / name)
    again = read(written(file, file.format, tmp_path))
    assert again.rules == file.rules
    assert again.format is file.format
    assert again.settings == file.settings
    assert again.crash == ""


def written(file: PinFile, target: PinFormat, directory: Path, **options: Any) -> Path:
    suffix = {PinFormat.OKHTTP: "kt" if file.settings.get("language", "kotlin") == "kotlin" else "java"}.get(
        target, "x"
    )
    path = directory / f"{target}.{suffix}"
    path.write_text(write(file, target, at=AT, **options))
    return path


def test_a_git_section_for_a_wildcard_address(tmp_path: Path) -> None:
    wild = replace(
        read(VECTORS / "wget/fetch.sh"), rules=(rule("example.com", 1, subdomains="one", apex=False, **LEAF),)
    )
    assert read(written(wild, PinFormat.GIT, tmp_path)).rules == wild.rules


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
    assert [file.format for file in read_all(path)] == [PinFormat.TRUSTKIT_IOS, PinFormat.ATS]
    with pytest.raises(UsageError, match="several formats"):
        read(path)


def test_utf16_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "config.xml"
    text = (VECTORS / "android-nsc/ordinary.xml").read_text().replace("utf-8", "utf-16")
    path.write_bytes(text.encode("utf-16"))
    assert list(read(path).rules) == MODELS["android-nsc/ordinary.xml"][1]


# --- what has no equal ---------------------------------------------------------------------------------------

NO_EQUAL: list[tuple[str, PinFormat, dict[str, Any], list[str]]] = [
    ("android-nsc/ordinary.xml", PinFormat.TRUSTKIT_IOS, {}, ["time-zone"]),
    ("android-nsc/ordinary.xml", PinFormat.OKHTTP, {}, ["expires"]),
    ("android-nsc/ordinary.xml", PinFormat.ATS, {"pins_are": "leaf"}, ["subdomains", "expires"]),
    ("android-nsc/ordinary.xml", PinFormat.CURL, {}, ["subdomains", "position", "expires"]),
    ("trustkit-ios/ordinary.plist", PinFormat.OKHTTP, {}, ["report-uris", "expires", "exclusion"]),
    ("trustkit-ios/report-only.plist", PinFormat.NSC, {}, ["enforcement"]),
    ("apple-ats/both-lists.plist", PinFormat.NSC, {}, ["subdomains", "position"]),
    ("apple-ats/leaf.plist", PinFormat.HPKP, {}, ["domain"]),
    ("okhttp/Pinner.kt", PinFormat.NSC, {}, ["subdomains"]),
    (
        "okhttp/Pinner.kt",
        PinFormat.CURL,
        {"pins_are": "ca"},
        ["position", "subdomains", "position", "subdomains", "position"],
    ),
    ("curl/fetch.sh", PinFormat.OKHTTP, {}, ["mode"]),
    ("curl/curlrc", PinFormat.NSC, {}, ["settings"]),
    ("flutter/client.dart", PinFormat.NSC, {}, ["certificate", "certificate"]),
    ("dane/zone.txt", PinFormat.NSC, {}, ["mode", "mode", "certificate"]),
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
        ("android-nsc/ordinary.xml", PinFormat.TRUSTKIT_IOS, {"drop": ["time-zone"]}),
        ("android-nsc/ordinary.xml", PinFormat.OKHTTP, {"drop": ["expires"]}),
        ("apple-ats/leaf.plist", PinFormat.NSC, {}),
        ("apple-ats/leaf.plist", PinFormat.CURL, {}),
        ("wget/fetch.sh", PinFormat.ATS, {}),
        ("hpkp/header.txt", PinFormat.HPKP, {}),
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
        write(file, PinFormat.OKHTTP, at=late, drop=["expires"])
    assert "**.example.com" in write(file, PinFormat.OKHTTP, at=late, drop=["expires", "expired"])


def test_a_file_that_stops_the_app_is_not_converted() -> None:
    with pytest.raises(UsageError, match="does not start"):
        write(read(LINT / "pin-prefix/bad.xml"), PinFormat.OKHTTP, at=AT)


def test_a_pin_that_nothing_matches_is_not_written() -> None:
    with pytest.raises(UsageError, match="never-matches"):
        write(read(LINT / "pin-prefix/bad.kt"), PinFormat.NSC, at=AT)


def test_a_format_that_is_only_read() -> None:
    with pytest.raises(UsageError, match="can be read, not written"):
        write(read(VECTORS / "wget/fetch.sh"), PinFormat.ENVOY, at=AT)


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

MESSAGES = {
    "android-nsc/not-closed.xml": ":3: not well-formed XML: mismatched tag",
    "android-nsc/bomb.xml": ":2: it declares entities",
    "android-nsc/binary.xml": ":1: broken binary XML",
    "android-nsc/other-root.xml": ":1: the root is <resources>, not <network-security-config>",
    "trustkit-ios/list.plist": ":1: the property list is no dictionary",
    "trustkit-ios/cut.plist": ": not well-formed XML",
    "trustkit-ios/binary.plist": ":1: broken binary property list",
    "apple-ats/nothing.plist": ":1: neither NSPinnedDomains nor TSKConfiguration in it",
    "apple-ats/bomb.plist": ":2: it declares entities",
    "apple-ats/latin1.plist": ":6: not well-formed XML: not well-formed (invalid token)",
    "okhttp/no-call.kt": ":1: no CertificatePinner.Builder().add(…) with literals in it",
    "okhttp/latin1.java": ":1: not utf-8 text",
    "okhttp/zero.kt": ":2: a zero byte in a text file",
    "curl/no-value.sh": "does not begin with sha256//",
    "curl/zero.sh": ":3: a zero byte in a text file",
    "curl/latin1.sh": ":1: not utf-8 text",
    "hpkp/name-only.txt": ":1: no Public-Key-Pins header with a value in it",
    "hpkp/latin1.txt": ":2: not utf-8 text",
    "hpkp/zero.txt": ":1: a zero byte",
    "envoy/tab.yaml": ":2: not YAML",
    "envoy/deep.yaml": ":1: nested too deep",
    "envoy/undefined-alias.yaml": ":2: not YAML: found undefined alias",
    "dane/words.txt": ":1: no TLSA record in it",
    "dane/latin1.txt": ":1: not utf-8 text",
    "dane/zero.txt": ":2: a zero byte",
    "flutter/no-list.dart": ":1: no allowedSHAFingerprints: […] in it",
    "flutter/latin1.dart": ":1: not utf-8 text",
    "flutter/zero.dart": ":1: a zero byte",
    "react-native/no-call.ts": ":1: no initializeSslPinning({…}) in it",
    "react-native/latin1.ts": ":1: not utf-8 text",
    "react-native/zero.ts": ":1: a zero byte",
}


@pytest.mark.parametrize("path", sorted(MALFORMED.glob("*/*")), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_malformed_file_is_refused_with_its_line(path: Path) -> None:
    expected = MESSAGES[f"{path.parent.name}/{path.name}"]
    if path.name == "no-value.sh":  # the option without a value is a finding: curl itself reads the file on
        assert expected in read(path).findings[0].message
        return
    with pytest.raises(UsageError) as caught:
        read_all(path)
    assert str(caught.value).startswith(f"{path}:")
    assert expected in str(caught.value)
    assert "; " in str(caught.value)
