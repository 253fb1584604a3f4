"""`pindrill audit --via mitmproxy` says of an app what our own interceptor says."""

from __future__ import annotations

import base64
import hashlib
import os
import signal
from pathlib import Path

import pytest
from pindrill import _core
from pindrill.mint import Mint
from pindrill.model import FOREIGN_HOST, GENUINE, HOST, SIBLING_HOST, TRUSTED_ROOTS
from support.cli import Pindrill, processes_that_name
from support.mitm import mitmdump_or_skip

RESPONSE = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
APP = """#!/bin/sh
cat "$1" {trust} > {directory}/both.pem
curl -sS --cacert {directory}/both.pem --pinnedpubkey {pin} https://{pinned}/
curl -sS --cacert {directory}/both.pem https://{unpinned}/
curl -sS --insecure https://{careless}/
"""
EXPECTED = {HOST: "pinned", SIBLING_HOST: "intercepted", FOREIGN_HOST: "no-validation"}


class Laboratory:
    """Three genuine servers, and an app that pins one, trusts for one, and validates nothing of the third."""

    def __init__(self, mint: Mint, pindrill: Pindrill) -> None:
        self.pindrill = pindrill
        directory = pindrill.directory
        credential = mint.credential(GENUINE.name(*EXPECTED))
        self._loop = _core.Loop()
        self._servers = [
            _core.Server(self._loop, "127.0.0.1", 0, _core.ServerContext(), "genuine", credential, RESPONSE)
            for _ in EXPECTED
        ]
        (directory / "trust.pem").write_text(mint.trust_pem(TRUSTED_ROOTS))
        (directory / "hosts").write_text("".join(f"127.0.0.1 {name}\n" for name in EXPECTED))
        places = [f"{name}:{server.port}" for name, server in zip(EXPECTED, self._servers, strict=True)]
        digest = base64.b64encode(hashlib.sha256(credential.key.spki).digest()).decode()
        self.app = pindrill.script(
            "app",
            APP.format(
                trust=directory / "trust.pem",
                directory=directory,
                pin=f"sha256//{digest}",
                pinned=places[0],
                unpinned=places[1],
                careless=places[2],
            ),
        )

    def arguments(self, *options: str) -> list[str]:
        directory = self.pindrill.directory
        fixed = ["--upstream-hosts", str(directory / "hosts"), "--upstream-trust", str(directory / "trust.pem")]
        private = ["--allow-private-upstreams", "--json", str(self.pindrill.json)]
        return ["audit", *options, *fixed, *private, "--", self.app, "{ca_file}"]


@pytest.fixture
def laboratory(mint: Mint, pindrill: Pindrill) -> Laboratory:
    where = mitmdump_or_skip().path.parent
    pindrill.environment["XDG_DATA_HOME"] = str(pindrill.directory / "data")
    # Last: it may have programs of its own beside it.
    pindrill.environment["PATH"] += f":{where}"
    return Laboratory(mint, pindrill)


@pytest.mark.parametrize("way", ["--proxy", "--socks"])
@pytest.mark.parametrize("via", ["mitmproxy", "pindrill"])
def test_every_destination_is_named_correctly(via: str, way: str, laboratory: Laboratory) -> None:
    ran = laboratory.pindrill.run(*laboratory.arguments(way, "127.0.0.1:0", "--via", via))
    assert ran.code == 1, ran.out + ran.err
    found = {line["destination"].partition(":")[0]: (line["verdict"], line["reason"]) for line in ran.results}
    assert ("mitmproxy's own events would have misled on" in ran.out) == (via == "mitmproxy")
    assert {name: word for name, (word, _) in found.items()} == EXPECTED, found


def test_a_mitmdump_that_dies_is_an_error_of_the_run(laboratory: Laboratory) -> None:
    pindrill = laboratory.pindrill
    Path(laboratory.app).write_text(f"#!/bin/sh\ntouch {pindrill.directory}/begun\nexec sleep 600\n")
    started = pindrill.start(*laboratory.arguments("--proxy", "127.0.0.1:0", "--via", "mitmproxy", "--host", HOST))
    while not (pindrill.directory / "begun").exists():
        assert started.poll() is None, started.communicate()
    [mitmdump] = [
        pid
        for pid in processes_that_name(str(pindrill.directory))
        if b"addon.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    os.kill(mitmdump, signal.SIGKILL)
    out, err = started.communicate(timeout=200)
    assert started.returncode == 3, out + err
    assert "mitmdump died (signal 9)" in out + err
    assert "not-contacted" not in pindrill.json.read_text() if pindrill.json.exists() else True
