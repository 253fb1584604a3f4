"""Connections that show nothing are no refusals: judged by the whole program, with clients on raw sockets."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.cli import Pindrill, Result

CLIENT = Path(__file__).parent / "support" / "wire_client.py"
OPTIONS = ("--strategy", "leaf-spki", "--jobs", "1")


def drilled(pindrill: Pindrill, mode: str, *options: str) -> Result:
    """The result of the canonical negative; the genuine twin was accepted before."""
    counter = pindrill.directory / "counter"
    counter.mkdir()
    client = (sys.executable, str(CLIENT), mode, str(counter), "{host}", "{port}", "{ca_file}")
    ran = pindrill.drill((*client, "{pins_curl}", "{url}"), *OPTIONS, *(options or ("--tls", "1.3")))
    [result] = ran.results
    assert result["control"]["genuine"] == "accepted"
    assert ran.code == {"pass": 0, "inconclusive": 3}.get(result["verdict"], 1)
    return result


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("nothing", "sent no ClientHello"),
        ("half-hello", "sent no ClientHello"),
        ("half-hello-reset", "sent no ClientHello"),
        ("garbage", "neither TLS nor a request"),
        ("ssl2-hello", "ended before it was shown the certificate"),
    ],
)
def test_cut_before_the_server_hello_is_inconclusive(pindrill: Pindrill, mode: str, reason: str) -> None:
    result = drilled(pindrill, mode)
    assert result["verdict"] == "inconclusive", result["reason"]
    assert reason in result["reason"]


@pytest.mark.parametrize("mode", ["idle", "idle-after-handshake"])
def test_a_preconnected_idle_client_is_inconclusive(pindrill: Pindrill, mode: str) -> None:
    result = drilled(pindrill, mode, "--tls", "1.2", "--deadline", "3")
    assert result["verdict"] == "inconclusive"
    assert "a timeout is no refusal" in result["reason"]
    [observation] = result["stages"][0]["runs"][0]["observations"]
    assert bool(observation["finished_at"]) == (mode == "idle-after-handshake")
    assert (observation["data_bytes"], observation["secrets"]) == (0, [])


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
@pytest.mark.parametrize("mode", ["flight", "flight-reset"])
def test_a_silent_end_after_the_flight_is_a_refusal_when_it_happens_twice(
    pindrill: Pindrill, mode: str, tls: str
) -> None:
    result = drilled(pindrill, mode, "--tls", tls)
    assert result["verdict"] == "pass", result["reason"]
    runs = result["stages"][0]["runs"]
    assert len(runs) == 2
    for run in runs:
        [observation] = run["observations"]
        assert observation["alerts"] == []
        assert 0 < observation["flight_sent_at"] <= observation["ended_at"]
    assert (result["attribution"], result["control"]["pin"]) == ("other", "refused")
