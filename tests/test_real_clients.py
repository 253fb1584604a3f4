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
    "java": {("BL6", "1.2"): ("refused with alert 46",), ("IN2", "1.3"): ("refused with alert 46",)},
    "node": {("BL6", "1.2"): (CLOSES,), ("BL6", "1.3"): (SILENT,), ("IN2", "1.3"): (SILENT,)},
    "okhttp": {("BL6", "1.2"): (CLOSES,), ("BL6", "1.3"): (CLOSES,), ("IN2", "1.3"): ("refused with alert 46",)},
    "php": {("BL6", "1.2"): (CLOSES,), ("BL6", "1.3"): (CLOSES,), ("IN2", "1.3"): ("refused with alert 48",)},
    "requests": {("BL6", "1.2"): (CLOSES,), ("BL6", "1.3"): (CLOSES,), ("IN2", "1.3"): ("refused with alert 48",)},
    "ruby": {("BL6", "1.2"): ("refused with alert 42",), ("IN2", "1.3"): ("refused with alert 48",)},
    "urllib3": {("BL6", "1.2"): (CLOSES,), ("BL6", "1.3"): (CLOSES,), ("IN2", "1.3"): ("refused with alert 48",)},
    "wget": {("BL6", "1.2"): (CLOSES,), ("BL6", "1.3"): (CLOSES,), ("IN2", "1.3"): (CLOSES,)},
}


def drilled(client: str, results: Path) -> tuple[subprocess.CompletedProcess[str], list[dict[str, Any]]]:
    argv = [sys.executable, "-m", "pindrill", "drill", "--client", str(CLIENTS / client), "--json", str(results)]
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
    assert known == {"okhttp": {"HN11": "fail-open"}, "android-nsc": {"RO10": "outage"}}.get(client, known)
