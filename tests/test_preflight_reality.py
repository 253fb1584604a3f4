"""Prediction = reality: what preflight says of each rotation is what the fixture clients then do, byte for byte."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pindrill import preflight
from pindrill.clients.client_file import read_client_file
from pindrill.mint import Mint
from pindrill.model import HOST, STRATEGY, Scenario, Semantics, Stage, Strategy
from pindrill.pinfiles import DeclaredPin, PinFile, PinFormat, PinRule, read
from pindrill.pinfiles.formats import FORMAT
from pindrill.pinfiles.write import write
from pindrill.preflight import Chain, Outlook, Status, Trust
from pindrill.results.line import line_of
from pindrill.scenarios import CATALOGUE
from support.cli import Pindrill, Result

CLIENTS = Path(__file__).parent.parent / "fixtures" / "clients"
ANY_KEY = ("leaf-spki+backup", "root-spki")
LEAF_KEY = ("leaf-spki+backup", "leaf-spki")
# The pins that each can be told, and the format of its own that they are written to, read from and predicted with.
EXPRESSES: dict[str, tuple[tuple[str, ...], PinFormat | None]] = {
    "aiohttp": (("leaf-cert",), None),
    "android-nsc": (ANY_KEY, FORMAT["android-nsc"]),
    "curl": (LEAF_KEY, FORMAT["curl"]),
    "git": (LEAF_KEY, FORMAT["git"]),
    "go": (ANY_KEY, None),
    "go-peer-certificate": (ANY_KEY, None),
    "java": (ANY_KEY, None),
    "node": (ANY_KEY, None),
    "okhttp": (ANY_KEY, FORMAT["okhttp"]),
    "php": (("leaf-cert",), None),
    "requests": (("leaf-cert",), None),
    "ruby": (ANY_KEY, None),
    "urllib3": (("leaf-cert",), None),
    "wget": (LEAF_KEY, FORMAT["wget"]),
}
ROTATIONS = {scenario.id: scenario for scenario in CATALOGUE if scenario.id.startswith("rotation/")}
DID = {Status.ACCEPTS: "accepted", Status.UNPROTECTED: "accepted", Status.LOCKED_OUT: "refused"}


@dataclass(frozen=True)
class Predictor:
    """Preflight for the pins that a client is told."""

    mint: Mint
    semantics: Semantics
    format: PinFormat | None
    directory: Path

    def predict(self, scenario: Scenario, stage: Stage, strategy: Strategy) -> Outlook:
        pins = self.mint.pins(strategy, stage.pins or scenario.pins)
        trust = Trust(certificates=tuple(self.mint.trust(scenario.trust)))
        chain = Chain(name="next", certificates=tuple(self.mint.credential(stage.serve).chain), trust=trust)
        file = self._file(pins, strategy)
        [outlook] = preflight.check([file], [chain], hosts=[HOST], at=datetime.now(UTC))
        return outlook

    def _file(self, pins: tuple[str, ...], strategy: Strategy) -> PinFile:
        declared = tuple(DeclaredPin(text=pin, digest=base64.b64decode(pin)) for pin in pins)
        rule = PinRule(
            domain=HOST,
            pins=declared,
            of=strategy.of,
            position="leaf" if self.semantics.position == "leaf" else "any",
            mode=self.semantics.mode,
            check_host=self.semantics.host,
        )
        made = PinFile(path="told", format=FORMAT["keyring"], rules=(rule,))
        if self.format is None:
            return made
        path = self.directory / f"pins.{self.format}"
        path.write_text(write(made, self.format, at=datetime.now(UTC)))
        return read(path)


def did(stage: dict[str, Any]) -> str:
    """From bytes and the client's own word alone, without the judge."""
    run = stage["runs"][-1]
    readable = any(seen["data_bytes"] for seen in run["observations"])
    if readable and run["report"]["said"] == "accepted":
        return "accepted"
    if not readable and run["report"]["said"] == "refused" and any(seen["hello"] for seen in run["observations"]):
        return "refused"
    return f"unclear: {run['report']}"


def test_every_fixture_client_is_predicted() -> None:
    assert {path.parent.name for path in CLIENTS.glob("*/client.toml")} == set(EXPRESSES)


@pytest.mark.parametrize("client", EXPRESSES)
def test_preflight_says_what_the_client_then_does(client: str, pindrill: Pindrill, mint: Mint, tmp_path: Path) -> None:
    strategies, format_ = EXPRESSES[client]
    file = read_client_file(CLIENTS / client)
    chosen = [part for strategy in strategies for part in ("--strategy", strategy)]
    ran = pindrill.run(
        "drill", "--client", str(CLIENTS / client), "--only", "rotation/*", *chosen, "--json", str(pindrill.json)
    )
    cells = {(line["scenario"], line["tls"]) for line in ran.results}
    assert cells == {
        (id_, tls) for id_, scenario in ROTATIONS.items() for tls in scenario.tls if _played(scenario, client)
    }
    predictor = Predictor(mint, file.semantics, format_, tmp_path)
    wrong, told = [], set()
    for line in ran.results:
        scenario, strategy = ROTATIONS[line["scenario"]], STRATEGY[line["strategy"]]
        assert line["verdict"] != "unsupported", line["reason"]
        for stage, seen in zip(scenario.stages, line["stages"], strict=True):
            outlook = predictor.predict(scenario, stage, strategy)
            expected = DID.get(outlook.status, outlook.status.value)
            told.add(expected)
            if did(seen) != expected and not _known(file.known, line):
                wrong.append((line["scenario"], line["strategy"], line["tls"], expected, did(seen), outlook.reason))
    assert not wrong
    # A test in which everything is accepted would not tell a prediction from a constant.
    assert told == {"accepted", "refused"}


def _played(scenario: Scenario, client: str) -> bool:
    """A scenario about the backup needs a client that takes two pins."""
    return not scenario.needs_backup or any(name.endswith("+backup") for name in EXPRESSES[client][0])


def _known(known: Any, line: Result) -> bool:
    """Documented beside the client, with its reason and source."""
    return any(each.covers(line_of(line)) and each.verdict == line["verdict"] for each in known)
