"""`--through`: clients come to the scenarios by a proxy of ours."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pindrill import _core
from pindrill.drills.options import PROXY_KINDS
from pindrill.drills.play_run import PlayRun
from pindrill.drills.proxies import BenchProxy
from pindrill.model import HOST, HarnessFailed
from support.cli import CURL, Pindrill

CLIENT = Path(__file__).parent / "support" / "proxy_client.py"
PROXIED_CURL = (*CURL[:2], "--proxy-cacert", "{ca_file}", *CURL[2:])
ONE_CELL = ("--through", "connect", "--tls", "1.3", "--jobs", "1", "--strategy", "leaf-spki")
PAST = "it does not use the proxy of its environment: it came to the server directly"


class NoServer:
    """A port, and nothing that was seen there."""

    def __init__(self, port: int) -> None:
        self.port = port

    def serve(self, label: str, credential: _core.Credential, response: str, *, takes_tickets: bool = True) -> None: ...

    def settle(self, timeout_s: float) -> bool:
        return True

    def observations(self) -> list[dict[str, Any]]:
        return []


@pytest.mark.parametrize("kind", PROXY_KINDS)
def test_a_client_is_judged_behind_each_kind_of_proxy(pindrill: Pindrill, kind: str) -> None:
    ran = pindrill.drill(PROXIED_CURL, "--through", kind, only=["BL1", "BL2", "BL6", "IN1", "IN17", "RO2"])
    assert ran.verdicts() == {code: {"pass"} for code in ("BL1", "BL2", "BL6", "IN1", "IN17", "RO2")}
    assert {line["through"] for line in ran.results} == {kind}
    assert all(f" --through {kind} " in line["repeat"] for line in ran.results)
    assert all(line["attribution"] == "pin" for line in ran.results if line["code"] == "BL6")
    assert ran.code == 0
    assert pindrill.left_over() == []


@pytest.mark.parametrize("kind", PROXY_KINDS)
def test_pins_that_vanish_behind_a_proxy_are_found(pindrill: Pindrill, kind: str) -> None:
    pins = 'if [ -z "$https_proxy" ]; then pin="--pinnedpubkey $1"; fi; '
    script = pindrill.script("client", f'#!/bin/sh\n{pins}exec curl -sS --cacert "$2" --proxy-cacert "$2" $pin "$3"\n')
    command = (script, "{pins_curl}", "{ca_file}", "{url}")
    behind = pindrill.drill(command, "--through", kind, only=["BL1", "BL6", "IN1"])
    assert behind.verdicts() == {"BL1": {"pass"}, "BL6": {"fail-open"}, "IN1": {"pass"}}
    pindrill.json.unlink()
    assert pindrill.drill(command, only=["BL6"]).verdicts() == {"BL6": {"pass"}}


def test_all_variables_and_the_placeholder_name_the_proxy(pindrill: Pindrill) -> None:
    names = "https_proxy HTTPS_PROXY all_proxy ALL_PROXY http_proxy HTTP_PROXY"
    script = pindrill.script(
        "client",
        f'#!/bin/sh\nfor name in {names}; do eval "[ \\"\\$$name\\" = $1 ]" || exit 99; done\n'
        '[ "${no_proxy-unset}${NO_PROXY-unset}" = "" ] || exit 99\nshift\nexec "$@"\n',
    )
    ran = pindrill.drill((script, "{proxy}", *PROXIED_CURL), "--through", "socks", only=["BL1"])
    assert ran.verdicts() == {"BL1": {"pass"}}, ran.results[0]["reason"]


def test_what_the_user_says_of_the_environment_stands(pindrill: Pindrill) -> None:
    ran = pindrill.drill(PROXIED_CURL, "--through", "connect", "--env", "no_proxy=*", only=["BL6"])
    assert [line["reason"] for line in ran.results] == [PAST] * 2


def test_a_client_that_ignores_the_proxy_is_not_judged(pindrill: Pindrill) -> None:
    ran = pindrill.drill((*CURL, "--noproxy", "*"), "--through", "connect", only=["BL1", "BL6"])
    assert {(line["verdict"], line["reason"]) for line in ran.results} == {("unsupported", PAST)}
    assert ran.code == 3


def test_a_client_that_does_not_come_through_is_told_in_its_own_words(pindrill: Pindrill) -> None:
    ran = pindrill.drill(CURL, "--through", "https", only=["BL6"])
    assert ran.verdicts() == {"BL6": {"unsupported"}}
    assert "it does not come through the proxy of its environment: it reported a refusal" in ran.results[0]["reason"]


def _past_from_the_second_time_on(pindrill: Pindrill, pin: str) -> tuple[str, ...]:
    """By the proxy at its genuine server, and directly afterwards."""
    script = pindrill.script(
        "client",
        '#!/bin/sh\nif mkdir "$1" 2>/dev/null; then exec curl -sS --cacert "$2" "$3"; fi\n'
        f'exec curl -sS --noproxy "*" --cacert "$2" {pin} "$3"\n',
    )
    return (script, str(pindrill.directory / "came"), "{ca_file}", "{url}", "{pins_curl}")


def test_a_client_that_leaks_past_the_proxy_has_leaked(pindrill: Pindrill) -> None:
    ran = pindrill.drill(_past_from_the_second_time_on(pindrill, ""), *ONE_CELL, only=["BL6"])
    assert ran.verdicts() == {"BL6": {"fail-open"}}


def test_a_refusal_past_the_proxy_is_none_behind_it(pindrill: Pindrill) -> None:
    ran = pindrill.drill(_past_from_the_second_time_on(pindrill, '--pinnedpubkey "$4"'), *ONE_CELL, only=["BL6"])
    assert ran.verdicts() == {"BL6": {"inconclusive"}}
    assert "it came to the server past the proxy" in ran.results[0]["reason"]


@pytest.mark.parametrize("mode", ["absolute", "behind-refusal"])
def test_what_is_given_away_on_the_proxys_leg_is_a_downgrade(pindrill: Pindrill, mode: str) -> None:
    command = (sys.executable, str(CLIENT), mode, "{host}", "{port}", "{path}")
    ran = pindrill.drill(command, "--through", "connect", "--pinned", "none", only=["BL1", "IN1"])
    assert ran.verdicts() == {"BL1": {"downgrade"}, "IN1": {"downgrade"}}
    assert all("the proxy's own leg, sent " in line["reason"] for line in ran.results)
    assert ran.code == 1


def test_a_run_is_resumed_through_the_same_proxy(pindrill: Pindrill) -> None:
    assert pindrill.drill(PROXIED_CURL, "--through", "connect", only=["BL1"]).code == 0
    other = pindrill.drill(PROXIED_CURL, "--resume", only=["BL1"])
    assert (other.code, "--through connect" in other.err) == (2, True)


def test_a_proxy_without_a_way_to_its_server_is_our_failure() -> None:
    proxy = BenchProxy("connect", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    server = proxy.before(NoServer(port))
    url = urlsplit(proxy.url)
    with socket.create_connection(("127.0.0.1", url.port or 0)) as client:
        client.sendall(f"CONNECT {HOST}:{port} HTTP/1.1\r\n\r\n".encode())
        assert client.recv(4096).startswith(b"HTTP/1.1 502 ")
    assert server.settle(20) is True
    [leg] = proxy.watch()
    assert (leg.port, leg.connected) == (port, False)
    run = PlayRun(1, server, [], {}, legs=server.legs)
    with pytest.raises(HarnessFailed, match=r"our proxy had no connection .*: Connection refused"):
        run.refuse_broken_proxy()


def test_legs_are_told_apart_by_where_they_lead() -> None:
    proxy = BenchProxy("connect", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        servers = [proxy.before(NoServer(each.getsockname()[1])) for each in (one, other)]
        with socket.create_connection(("127.0.0.1", urlsplit(proxy.url).port or 0)) as client:
            client.sendall(f"CONNECT {HOST}:{servers[0].port} HTTP/1.1\r\n\r\n".encode())
            assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
            proxy.watch()
    assert [len(server.legs) for server in servers] == [1, 0]


def test_what_one_thread_takes_is_told_before_another_goes_on() -> None:
    """Opening a server takes what came to the proxy before: nobody may lose the secret in it."""
    proxy = BenchProxy("connect", "127.0.0.1")
    secret = "pd7s" + "1" * 24
    told: list[str] = []
    proxy.heard = lambda leg: told.extend(leg.readable_secrets)
    with socket.create_connection(("127.0.0.1", urlsplit(proxy.url).port or 0)) as client:
        client.sendall(f"GET http://{HOST}:1/{secret} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        assert client.recv(4096)
    with socket.create_server(("127.0.0.1", 0)) as other:
        proxy.before(NoServer(other.getsockname()[1]))
    assert secret in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--through", "pac", "--", *CURL), "--through is connect, socks, https, not 'pac'"),
        (("--through", "connect", "--via", "mitmproxy", "--", *CURL), "without --via"),
    ],
)
def test_usage_errors(pindrill: Pindrill, arguments: tuple[str, ...], words: str) -> None:
    ran = pindrill.call("drill", *arguments)
    assert ran.code == 2
    assert words in " ".join(ran.err.split())


def test_the_placeholder_needs_a_proxy(pindrill: Pindrill) -> None:
    ran = pindrill.drill((*CURL, "--proxy", "{proxy}"), only=["BL1"])
    assert (ran.code, "add --through connect, socks or https" in ran.err) == (2, True)
    assert "Traceback" not in ran.err
