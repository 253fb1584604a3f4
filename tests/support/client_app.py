"""An app made of a fixture client: goes to each destination of the laboratory, one after the other.

`client_app.py LAB TRUST VISITS CLIENT_TOML`, or instead of the last `mutant NAME DRIVER`. Destinations that are called
pinned are given their pins, others none; VISITS times each, in one session. Proxy settings are handed on.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, Literal

from pindrill.clients import Driver
from pindrill.clients.adapter import AdapterDriver
from pindrill.clients.command import CommandDriver
from pindrill.model import ClientReport, Said, Target, TargetPins

CLIENTS = Path(__file__).parents[2] / "fixtures" / "clients"
PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy", "ALL_PROXY", "all_proxy")


def main() -> None:
    lab, trust, visits, client = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4:]
    environment = {name: os.environ[name] for name in PROXIES if name in os.environ}
    with tempfile.TemporaryDirectory() as place:
        pinning = make(client, Path(place), environment)
        plain = without_pins(pinning) if isinstance(pinning, CommandDriver) else pinning
        sessions = {}
        for habit, driver in (("pinned", pinning), ("unpinned", plain)):
            home = Path(place) / habit
            home.mkdir()
            sessions[habit] = driver.session(home)
        for number, destination in enumerate(json.loads((lab / "destinations.json").read_text()) * visits):
            report = ask(sessions[destination["habit"]], destination, trust, f"t{number}")
            print(destination["host"], report.said, report.detail, flush=True)
        for session in sessions.values():
            session.end()
        pinning.close()


def make(client: list[str], place: Path, environment: dict[str, str]) -> Driver:
    if client[0] != "mutant":
        # It takes the command line with it, and an audit starts this app many times.
        from pindrill.clients.client_file import read_client_file  # noqa: PLC0415

        return read_client_file(Path(client[0])).make_driver(place, environment, False)
    _, name, kind = client
    program = [sys.executable, str(CLIENTS / "mutants" / "client.py"), name]
    if kind == "adapter":
        return AdapterDriver(program, directory=place, environment=environment)
    return CommandDriver([*program, "--target", "{target_file}"], environment=environment)


def without_pins(driver: CommandDriver) -> CommandDriver:
    """A command that is told no pins pins nothing: its option is left out with them."""
    kept: list[str] = []
    for word in driver.template:
        if "{pins" not in word:
            kept.append(word)
        elif kept[-1].startswith("-") and "=" not in kept[-1] and not word.startswith("-"):
            kept.pop()
    return CommandDriver(kept, environment=driver.environment)


def ask(session: Any, destination: dict[str, Any], trust: str, number: str) -> ClientReport:
    """With a pin on the key, or on the certificate where the client knows no other."""
    for of in ("spki", "certificate"):
        report: ClientReport = session.attempt(target(destination, trust, f"{number}-{of}", of))
        if report.said is not Said.UNSUPPORTED:
            return report
    return report


def target(destination: dict[str, Any], trust: str, number: str, of: Literal["spki", "certificate"]) -> Target:
    host, port = destination["host"], destination["port"]
    pins = (TargetPins(host=host, of=of, values=(destination[of],)),) if destination["habit"] == "pinned" else None
    return Target(
        id=number, session=destination["habit"], url=f"https://{host}:{port}/{host}",
        host=host, port=port, path=f"/{host}",
        address="127.0.0.1", trust_file=trust, pins=pins, deadline_s=10,
    )  # fmt: skip


if __name__ == "__main__":
    main()
