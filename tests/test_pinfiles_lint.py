"""Every lint rule, over vectors: it fires where it must, and nothing is said of a clean file."""

from __future__ import annotations

import plistlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pindrill.pinfiles import LintFinding, Severity, read_all
from pindrill.pinfiles.formats import RULES
from pindrill.pinfiles.lint import lint
from support.pin_vectors import AT, LINT, finding_rules, lint_file, text

RULES_WITHOUT_FILES = frozenset(
    {"pins-do-not-match", "mixed-positions", "key-pinned", "host-unpinned", "platforms-differ", "unused"}
)
"""They need a chain, a host, a second file or an APK beside the file: tests of their own."""
BAD = sorted(LINT.glob("*/bad*"))
GOOD = sorted(LINT.glob("*/good*"))
EFFECTS = {
    # What the platform does with it: crash, lock-out, never matches, ignored, never expires.
    "digest-is-text/bad.xml": "never matches",
    "pin-prefix/bad.xml": "crashes at start",
    "pin-prefix/bad.plist": "crashes at start",
    "pin-prefix/bad-ats.plist": "never matches",
    "pin-prefix/bad.kt": "never matches",
    "pin-prefix/bad-none.kt": "builder throws",
    "pin-prefix/bad.sh": "name of a key file",
    "pin-length/bad.xml": "crashes at start",
    "pin-length/bad.kt": "never matches",
    "pin-length/bad.plist": "crashes at start",
    "pin-encoding/bad.plist": "never matches",
    "pin-encoding/bad.sh": "never matches",
    "expiration-format/bad-slashes.xml": "crashes at start",
    "expiration-format/bad-no-such-day.xml": "crashes at start",
    "expiration-format/bad-day-first.xml": "crashes at start",
    "expiration-format/bad-two-digits.xml": "reads it as 0030-01-31",
    "expiration-format/bad-time.xml": "reads it as 2030-01-31",
    "expiration-format/bad.plist": "never expire",
    "expiration-format/bad-date-type.plist": "crashes at start",
    "key-case/bad.plist": "locked out",
    "key-case/bad-domains.plist": "nothing is pinned",
    "key-place/bad.plist": "nothing is pinned",
    "value-type/bad-strings.plist": "locked out",
    "value-type/bad-subdomains.plist": "counts as false",
    "no-pins/bad-ats.plist": "nothing is pinned",
    "no-pins/bad-empty-set.xml": "switches pinning off",
    "domain-form/bad.kt": "builder throws",
    "pin-separator/bad-config.txt": "starts a comment",
    "pin-separator/bad-unquoted.sh": "the shell ends the command",
    "library-stops/bad.xml": "never returns",
}


def name(path: Path) -> str:
    return str(path.relative_to(LINT))


def test_every_rule_has_vectors_both_ways() -> None:
    both = {path.parent.name for path in BAD} & {path.parent.name for path in GOOD}
    assert both == RULES.keys() - RULES_WITHOUT_FILES


@pytest.mark.parametrize("path", BAD, ids=name)
def test_the_rule_fires(path: Path) -> None:
    fired = [finding for finding in lint_file(path) if finding.rule == path.parent.name]
    assert fired
    for finding in fired:
        assert finding.file == str(path)
        assert 1 <= finding.line <= len(path.read_text().splitlines())
        assert finding.message
        assert finding.fix
        assert EFFECTS.get(name(path), "") in finding.effect


@pytest.mark.parametrize("path", GOOD, ids=name)
def test_a_clean_file_gets_no_warning(path: Path) -> None:
    assert [finding for finding in lint_file(path) if finding.severity is not Severity.INFO] == []
    assert path.parent.name not in finding_rules(path)


def test_a_directive_that_rfc_7469_has_skipped_costs_nothing_beside_two_pins() -> None:
    assert [(f.rule, f.severity) for f in lint_file(LINT / "pin-algorithm/bad.txt")] == [
        ("pin-algorithm", Severity.INFO)
    ]


def test_the_line_is_that_of_the_pin_or_the_date() -> None:
    for file, rule, line in (
        ("placeholder/bad.xml", "placeholder", 7),
        ("expired/bad.xml", "expired", 5),
        ("exempt/bad-sibling.xml", "exempt", 11),
        ("key-case/bad.plist", "key-case", 13),
        ("pin-separator/bad-config.txt", "pin-separator", 2),
    ):
        lines = [finding.line for finding in lint_file(LINT / file) if finding.rule == rule]
        assert lines[0] == line, file


# --- backups that stand in another entry -------------------------------------------------------------------


def without_backup(file: Path) -> list[int]:
    return [finding.line for finding in lint_file(file) if finding.rule == "no-backup"]


@pytest.mark.parametrize(
    ("patterns", "lines"),
    [
        (("**.example.com", "api.example.com"), [1]),
        (("*.example.com", "api.example.com"), [1]),
        (("**.example.com", "*.api.example.com"), [1]),
        (("**.example.com", "*.example.com"), [1]),
        (("*.example.com", "example.com"), [1, 2]),
        (("*.example.com", "a.api.example.com"), [1, 2]),
        (("*.example.com", "**.api.example.com"), [1, 2]),
        (("**.example.com", "**.example.com"), []),
    ],
)
def test_patterns_of_okhttp_that_cover_the_same_host_back_each_other_up(
    patterns: tuple[str, str], lines: list[int], tmp_path: Path
) -> None:
    """Line 1 covers more hosts than line 2, and those have one pin."""
    one, other = (f'.add("{pattern}", "sha256/{text(number)}")' for number, pattern in enumerate(patterns, start=1))
    file = tmp_path / "Pinner.kt"
    file.write_text(f"val p = CertificatePinner.Builder(){one}\n{other}.build()\n")
    assert without_backup(file) == lines


def test_the_same_pin_in_a_wider_pattern_is_no_backup_and_what_is_unread_may_be_one(tmp_path: Path) -> None:
    file = tmp_path / "Pinner.kt"
    for wider, lines in ((f'"sha256/{text(1)}"', [1, 2]), ("pin()", [])):
        calls = f'.add("**.example.com", {wider})\n.add("api.example.com", "sha256/{text(1)}")'
        file.write_text(f"val p = CertificatePinner.Builder(){calls}.build()\n")
        assert without_backup(file) == lines


def test_lists_of_one_kind_back_each_other_up_in_apples_entries(tmp_path: Path) -> None:
    file = tmp_path / "Info.plist"
    for parent, lines in (("NSPinnedLeafIdentities", 1), ("NSPinnedCAIdentities", 2)):
        domains = {
            "example.com": {"NSIncludesSubdomains": True, parent: [{"SPKI-SHA256-BASE64": text(1)}]},
            "api.example.com": {"NSPinnedLeafIdentities": [{"SPKI-SHA256-BASE64": text(2)}]},
        }
        file.write_bytes(plistlib.dumps({"NSAppTransportSecurity": {"NSPinnedDomains": domains}}, sort_keys=False))
        assert len(without_backup(file)) == lines


# --- dates -------------------------------------------------------------------------------------------------


def at_midnight(file: str, moment: datetime) -> set[str]:
    return {finding.rule for finding in lint(read_all(LINT / file), moment)}


def test_a_network_security_config_expires_at_local_midnight() -> None:
    """The first devices on earth are 14 hours ahead of UTC; the instant itself still pins."""
    first = datetime(2026, 5, 30, 10, tzinfo=UTC)
    assert "expired" not in at_midnight("expired/bad.xml", first)
    assert "expired" in at_midnight("expired/bad.xml", first + timedelta(seconds=1))


def test_trustkit_on_ios_expires_at_midnight_utc() -> None:
    midnight = datetime(2026, 5, 31, tzinfo=UTC)
    assert "expired" not in at_midnight("expired/bad.plist", midnight)
    assert "expired" in at_midnight("expired/bad.plist", midnight + timedelta(seconds=1))


def test_soon_is_what_was_asked_for() -> None:
    files = read_all(LINT / "expires-soon/bad.xml")
    assert [f.rule for f in lint(files, AT, soon=timedelta(days=30))] == ["expires-soon"]
    assert lint(files, AT, soon=timedelta(days=10)) == []


# --- hosts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "host", "pinned"),
    [
        ("hole/bad.kt", "example.com", False),
        ("hole/bad.kt", "a.example.com", True),
        ("hole/bad.kt", "a.b.example.com", False),
        ("hole/bad.plist", "example.com", True),
        ("hole/bad.plist", "a.example.com", True),
        ("hole/bad.plist", "a.b.example.com", False),
        ("hole/good.kt", "a.b.example.com", True),
        ("exempt/bad-nested.xml", "open.example.com", False),
        ("exempt/bad-nested.xml", "a.open.example.com", True),
        ("excluded/bad.plist", "open.example.com", False),
        ("excluded/bad.plist", "a.open.example.com", True),
        ("enforcement-off/bad.plist", "example.com", False),
        ("hole/good.xml", "notexample.com", False),
    ],
)
def test_a_host_that_must_be_pinned(file: str, host: str, pinned: bool) -> None:
    found = [f.rule for f in lint(read_all(LINT / file), AT, hosts=[host])]
    assert ("host-unpinned" in found) != pinned


def test_what_could_not_be_read_is_not_missed() -> None:
    """A pin that is made when the app runs may be the backup, and may pin the host that is asked for."""
    files = read_all(LINT / "unread/bad.kt")
    assert {finding.rule for finding in lint(files, AT)} == {"unread", "hole"}
    (asked,) = [f for f in lint(files, AT, hosts=["elsewhere.example.com"]) if f.rule == "host-unpinned"]
    assert asked.severity is Severity.WARNING
    key_file = read_all(LINT / "unread/bad.sh")
    assert {finding.rule for finding in lint(key_file, AT, hosts=["example.com"])} == {"unread"}


# --- files of one app --------------------------------------------------------------------------------------


def together(*files: str) -> list[LintFinding]:
    read = [each for file in files for each in read_all(LINT / file)]
    return [finding for finding in lint(read, AT) if finding.rule == "platforms-differ"]


def test_two_platforms_with_the_same_pins() -> None:
    assert together("hole/good-one-host.xml", "../apple-ats/leaf.plist") == []


def test_two_platforms_with_other_pins(tmp_path: Path) -> None:
    other = tmp_path / "other.xml"
    other.write_text((LINT / "hole/good-one-host.xml").read_text().replace(text(1), text(9)))
    read = [*read_all(other), *read_all(LINT / "../apple-ats/leaf.plist")]
    (found,) = [finding for finding in lint(read, AT) if finding.rule == "platforms-differ"]
    assert "1 in common, 1 only there, 1 only here" in found.message


def test_a_host_that_only_one_platform_pins() -> None:
    (found,) = together("hole/good-one-host.xml", "no-backup/good.xml", "too-few-pins/good.plist")
    assert "api.example.com is pinned on android" in found.message
    assert "not on ios" in found.message


def test_two_files_of_one_build_complete_each_other() -> None:
    """The host that one of them does not pin is pinned by the other."""
    assert together("no-backup/good.xml", "no-backup/good.kt") == []
    assert together("no-backup/good.kt", "hole/good-one-host.xml") == []


def test_two_checks_in_one_build_that_nothing_passes(tmp_path: Path) -> None:
    other = tmp_path / "other.xml"
    words = (LINT / "no-backup/good.xml").read_text()
    other.write_text(words.replace(text(1), text(8)).replace(text(2), text(9)))
    read = [*read_all(LINT / "no-backup/good.kt"), *read_all(other)]
    (found,) = [finding for finding in lint(read, AT) if finding.rule == "platforms-differ"]
    assert "a chain has to match a pin of each" in found.effect


def test_a_script_is_no_build_of_the_app() -> None:
    assert together("no-backup/good.xml", "pin-separator/good.sh", "header-ignored/good.txt") == []


def test_findings_are_ordered_and_told_once() -> None:
    (file,) = read_all(LINT / "placeholder/bad.xml")
    doubled = replace(file, findings=file.findings * 2)
    assert lint([doubled], AT) == lint([file], AT)
