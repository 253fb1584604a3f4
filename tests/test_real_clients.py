"""The fixture clients: every correct refusal is a pass, whatever its shape, and only known deviations fail."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CLIENTS = Path(__file__).parent.parent / "fixtures" / "clients"
CLOSES = "completed the handshake and closed without data"
SILENT = "closed without alert or Finished"
# What a wrong pin (BL6) and an unknown CA (IN2) look like on the wire, as measured independently of pindrill.
SHAPES: dict[str, dict[tuple[str, str], tuple[str, ...]]] = {
    "aiohttp": {("BL6", "1.2"): (CLOSES,), ("BL6", "1.3"): (CLOSES,), ("IN2", "1.3"): (CLOSES,)},
    "android-nsc": {("BL6", "1.2"): ("refused with alert 46",), ("IN2", "1.3"): ("refused with alert 46",)},
    "curl": {("BL6", "1.2"): (CLOSES,), ("BL6", "1.3"): (CLOSES,), ("IN2", "1.3"): ("refused with alert 48",)},
    "git": {("BL6", "1.2"): (CLOSES,), ("BL6", "1.3"): (CLOSES,), ("IN2", "1.3"): (CLOSES,)},
    "go": {("BL6", "1.2"): ("refused with alert 42",), ("IN2", "1.3"): ("refused with alert 42",)},
    "go-peer-certificate": {("BL6", "1.2"): ("refused with alert 42",), ("IN2", "1.3"): ("refused with alert 42",)},
    "java": {("BL6", "1.2"): ("refused with alert 46",), ("IN2", "1.3"): ("refused with alert 46",)},
    "node": {("BL6", "1.2"): (CLOSES,), ("BL6", "1.3"): (SILENT,), ("IN2", "1.3"): (SILENT,)},
    "okhttp": {("BL6", "1.2"): (CLOSES,), ("BL6", "1.3"): (CLOSES,), ("IN2", "1.3"): ("refused with alert 46",)},
    "php": {("BL6", "1.2"): (CLOSES,), ("BL6", "1.3"): (CLOSES,), ("IN2", "1.3"): ("refused with alert 48",)},
    "requests": {("BL6", "1.2"): (CLOSES,), ("BL6", "1.3"): (CLOSES,), ("IN2", "1.3"): ("refused with alert 48",)},
    "ruby": {("BL6", "1.2"): ("refused with alert 42",), ("IN2", "1.3"): ("refused with alert 48",)},
    "urllib3": {("BL6", "1.2"): (CLOSES,), ("BL6", "1.3"): (CLOSES,), ("IN2", "1.3"): ("refused with alert 48",)},
    "wget": {("BL6", "1.2"): (CLOSES,), ("BL6", "1.3"): (CLOSES,), ("IN2", "1.3"): (CLOSES,)},
}

# Where a session is resumed, a pin in a hook of the handshake is not compared, and one that is compared behind every
# handshake is: as measured independently of pindrill, in both versions.
IN_A_HOOK = ("node", "go-peer-certificate", "java", "ruby")
BEHIND = ("go", "okhttp")
FIXED = "Node 20.19.2,"
"""Of Debian 13, with the fix of CVE-2026-48934: where checkServerIdentity is given, no session is resumed."""


def drilled(client: str, results: Path, *options: str) -> tuple[subprocess.CompletedProcess[str], list[dict[str, Any]]]:
    argv = [sys.executable, "-m", "pindrill", "drill", "--client", str(CLIENTS / client), "--json", str(results)]
    argv += options
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done, [json.loads(line) for line in results.read_text().splitlines()]


def test_every_fixture_client_is_drilled() -> None:
    assert {path.parent.name for path in CLIENTS.glob("*/client.toml")} == set(SHAPES)


@pytest.mark.parametrize("client", SHAPES)
def test_a_real_client_gets_true_verdicts(client: str, tmp_path: Path) -> None:
    done, lines = drilled(client, tmp_path / "results.jsonl")
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(line["client_version"] for line in lines)
    for (code, tls), shapes in SHAPES[client].items():
        line = next(line for line in lines if (line["code"], line["tls"]) == (code, tls) and line["stages"])
        stories = [seen["story"] for run in line["stages"][0]["runs"] for seen in run["observations"]]
        assert line["verdict"] == "pass"
        assert stories
        assert all(story.startswith(shapes) for story in stories), stories
    # A known deviation stays what it is, and does not fail the drill.
    known = {line["code"]: line["verdict"] for line in lines if line["known"]}
    others = {"okhttp": {"HN11": "fail-open"}, "android-nsc": {"RO10": "outage"}}
    resumes = {"RP2": "fail-open", "RP4": "fail-open"}
    fixed = any(line["client_version"].startswith(FIXED) for line in lines)
    assert known == (resumes if client in IN_A_HOOK and not fixed else others.get(client, known))


@pytest.mark.parametrize("client", [*IN_A_HOOK, *BEHIND])
def test_what_was_measured_of_resumption_comes_out(client: str, tmp_path: Path) -> None:
    done, lines = drilled(client, tmp_path / "results.jsonl", "--only", "resumption/*")
    assert done.returncode == 0, done.stdout + done.stderr
    if lines[0]["client_version"].startswith(FIXED):
        assert {line["code"] for line in lines if line.get("vacuous")} == {"RP1", "RP2", "RP4", "RP5", "RP11"}
        assert {line["verdict"] for line in lines if line["code"] != "RP5"} == {"pass"}
        return
    assert {line["verdict"] for line in lines if line["code"] in ("RP2", "RP4")} == {
        "fail-open" if client in IN_A_HOOK else "pass"
    }
    assert {line["verdict"] for line in lines if line["code"] in ("RP1", "RP11", "RP21")} == {"pass"}
    assert {line["verdict"] for line in lines if line["code"] == "RP5"} == {"reported"}
    assert len(lines) == 12
    for line in lines:
        assert "vacuous" not in line
        [first], *_, [last, *_] = [stage["runs"][0]["observations"] for stage in line["stages"]]
        # Net::HTTP asks again after a refusal: `last` is the first of several there.
        with_tickets, declined = line["code"] != "RP21", line["code"] == "RP11"
        assert (first["resumed"], bool(first["tickets_sent"])) == (False, with_tickets)
        assert last["hello"]["psk_offered"] == with_tickets
        assert (last["resumed"], last["ticket_declined"]) == (with_tickets and not declined, declined)
        if last["resumed"]:
            assert (last["resumed_connection"], last["resumed_from"]) == (first["number"], first["credential"])
            assert last["story"].endswith("on the session resumed from connection 1")


@pytest.mark.parametrize("client", ["php", "aiohttp"])
def test_a_client_that_offers_no_ticket_has_passed_nothing(client: str, tmp_path: Path) -> None:
    done, lines = drilled(client, tmp_path / "results.jsonl", "--only", "resumption/*", "--strategy", "leaf-cert")
    assert done.returncode == 0, done.stdout + done.stderr
    untried = [line for line in lines if line.get("vacuous")]
    assert {line["code"] for line in untried} == {"RP1", "RP2", "RP4", "RP5", "RP11"}
    assert {line["vacuous"] for line in untried} == {"no ticket was offered: nothing to show"}
    assert "2 reported, 2 pass, 8 vacuous" in done.stdout
    assert f"{client}: " in done.stdout
    assert "RP1 RP2 RP4 RP11: no ticket was offered" in done.stdout
