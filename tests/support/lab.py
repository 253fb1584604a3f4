"""A laboratory for audits: genuine servers of five hosts on loopback, and what an app is told of them."""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pindrill import _core

from support.cli import PATIENCE_S, PROGRAM, Pindrill

HABITS = ("pinned", "unpinned", "careless", "leaky", "falling")
PINNED_PLACE = {"validated": 1, "second": 1, "second-of-three": 1, "third": 2, "last": -1, "listed-issuer": 1}
"""Which certificate of the genuine list an app of that habit pins, where it is not the leaf."""
_ANSWER = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"


@dataclass(frozen=True)
class Lab:
    directory: Path
    port: int
    plain_port: int
    servers: dict[str, _core.Server]

    @property
    def list_file(self) -> Path:
        return self.directory / "destinations"

    @property
    def options(self) -> list[str]:
        """What pindrill is told of the laboratory."""
        return [
            "--upstream-hosts", str(self.directory / "upstream-hosts"),
            "--upstream-trust", str(self.directory / "genuine.pem"),
            "--allow-private-upstreams",
        ]  # fmt: skip

    def destination(self, habit: str) -> str:
        return f"{habit}.lab.test:{self.port}"


@contextmanager
def laboratory(directory: Path, habits: Sequence[str] = HABITS) -> Iterator[Lab]:
    """Each host has an address of its own, and all the same port, as servers on 443 have."""
    directory.mkdir(exist_ok=True)
    loop = _core.Loop()
    root = _core.Authority.root(
        _core.KeyPair.generate("p-256"), _core.CertificateSpec("pindrill TEST Root of the laboratory", ca=True)
    )
    upper = _under(root, "upper")
    issuer = _under(upper, "issuing")
    block = f"127.{secrets.randbelow(100) + 100}.{secrets.randbelow(250) + 1}"
    port, plain_port = _free_port(block), _free_port(block)
    servers: dict[str, _core.Server] = {}
    hosts: list[str] = []
    lines: list[str] = []
    described: list[dict[str, Any]] = []
    for number, habit in enumerate(habits, start=1):
        host, address, key = f"{habit}.lab.test", f"{block}.{number}", _core.KeyPair.generate("p-256")
        leaf = issuer.issue(key, _core.CertificateSpec(host, dns=[host]))
        credential = _core.Credential(key, [leaf, issuer.certificate, upper.certificate])
        for each in (port, plain_port):
            servers[f"{host}:{each}"] = _core.Server(
                loop, address, each, _core.ServerContext(), host, credential, _ANSWER
            )
        hosts.append(f"{address} {host}")
        described.append(
            {
                "habit": habit,
                "host": host,
                "port": port,
                "spki": _core.Pin.of_key(key).base64,
                "certificate": _core.Pin.of_certificate(credential.chain[0]).base64,
            }
        )
        pinned = _core.Pin.of_key(_core.KeyPair.from_pem(credential.chain[PINNED_PLACE.get(habit, 0)].pem)).base64
        lines.append(f"{habit} {host} {port} {pinned} {plain_port}")
    (directory / "upstream-hosts").write_text("\n".join(hosts) + "\n")
    (directory / "genuine.pem").write_text(root.certificate.pem)
    (directory / "destinations.json").write_text(json.dumps(described))
    (directory / "destinations").write_text("\n".join(lines) + "\n")
    yield Lab(directory, port, plain_port, servers)


def _under(above: _core.Authority, name: str) -> _core.Authority:
    return above.intermediate(
        _core.KeyPair.generate("p-256"), _core.CertificateSpec(f"pindrill TEST {name} CA of the laboratory", ca=True)
    )


def _free_port(block: str) -> int:
    with socket.socket() as probe:
        probe.bind((f"{block}.250", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Audited:
    code: int
    out: str
    err: str
    lines: dict[str, dict[str, Any]]
    """By destination."""

    def verdict(self, destination: str) -> str:
        line = self.lines.get(destination)
        return line["verdict"] if line else "(no line)"


def audit(pindrill: Pindrill, *arguments: str) -> Audited:
    file = pindrill.directory / "audit.jsonl"
    done = subprocess.run(
        [str(PROGRAM), "audit", "--json", str(file), *arguments],
        capture_output=True,
        text=True,
        env=pindrill.environment,
        cwd=pindrill.directory,
        timeout=PATIENCE_S,
        check=False,
    )
    lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return Audited(done.returncode, done.stdout, done.stderr, {line["destination"]: line for line in lines})
