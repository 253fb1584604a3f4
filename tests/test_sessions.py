"""Sessions that are resumed: what twins are given, what is told, and that no ticket leaves its run."""

from __future__ import annotations

import contextlib
import socket
import ssl

import pytest
from pindrill import Lab, Target, scenarios
from pindrill.drills.cells import Cell, Planner
from pindrill.mint import Mint
from pindrill.model import GENUINE, STRATEGY, Expect
from support.cli import CURL, Pindrill

STRATEGY_NAMED = STRATEGY["leaf-spki+backup"]


def cell(mint: Mint, code: str) -> Cell:
    [scenario] = scenarios.matching(code)
    return Planner(mint).cell(scenario, STRATEGY_NAMED, "1.3")


@pytest.mark.parametrize(
    ("code", "genuine", "pin"),
    [
        ("RP2", False, True),  # the session before is a rogue's, which the genuine server cannot have given
        ("RP4", True, True),
        ("RP5", True, False),  # no twin has a stolen key
        ("RP11", False, False),
    ],
)
def test_a_twin_takes_the_tickets_that_it_gave_itself(mint: Mint, code: str, genuine: bool, pin: bool) -> None:
    planned = cell(mint, code)
    assert planned.genuine_twin
    [twin] = [stage.pin_twin for stage in planned.stages if stage.pin_twin]
    assert planned.play
    before, last = planned.play.stages[:-1], planned.play.stages[-1]
    for play, takes, served in ((planned.genuine_twin, genuine, GENUINE), (twin, pin, last.serve)):
        assert play.sessions == "tickets"
        assert play.stages[:-1] == before
        assert (play.stages[-1].takes_tickets, play.stages[-1].serve) == (takes, served)
        assert play.stages[-1].pins


def test_a_request_without_pins_is_told_none(mint: Mint) -> None:
    planned = cell(mint, "RP2")
    assert planned.play
    assert [stage.pins is None for stage in planned.play.stages] == [True, False]
    assert [stage.expected for stage in planned.stages] == [Expect.ACCEPT, Expect.REFUSE]


def test_of_a_stolen_ticket_key_a_full_handshake_is_judged(mint: Mint) -> None:
    stage = cell(mint, "RP5").stages[-1]
    assert (stage.expected, stage.anew) == (Expect.REPORT, Expect.REFUSE)
    assert [stage.anew for code in ("RP1", "RP2", "RP4", "RP11") for stage in cell(mint, code).stages] == [None] * 8


def test_it_is_unsupported_where_no_session_outlives_a_request(mint: Mint) -> None:
    planner = Planner(mint, no_sessions="because")
    for scenario in scenarios.CATALOGUE:
        planned = planner.cell(scenario, STRATEGY_NAMED, "1.3")
        assert (planned.unsupported == "because") == (scenario.sessions == "tickets")


@pytest.mark.parametrize("pinning", ["compiled", "presumed", "none"])
def test_a_client_that_is_told_no_pins_cannot_be_told_others(mint: Mint, pinning: str) -> None:
    planner = Planner(mint, pinning=pinning)  # type: ignore[arg-type]
    strategy = STRATEGY_NAMED if pinning == "compiled" else None
    for code in ("RP2", "RP4"):
        [scenario] = scenarios.matching(code)
        assert "cannot be set from outside" in (planner.cell(scenario, strategy, "1.3").unsupported or "")
    [scenario] = scenarios.matching("RP1")
    assert planner.cell(scenario, strategy, "1.3").unsupported is None


def test_show_tells_of_sessions_and_of_changed_pins(pindrill: Pindrill) -> None:
    told = {code: pindrill.call("show", code).out for code in ("RP2", "RP4", "RP11", "RP21", "RO8")}
    assert "without pins" in told["RP2"]
    assert "other pins, and is the same object" in told["RP4"]
    assert "A ticket is taken" in told["RP4"]
    assert "A ticket is declined" in told["RP11"]
    assert "other pins." in told["RO8"]
    assert not [code for code in ("RP21", "RO8") if "ticket" in told[code]]


def test_a_command_makes_one_request_in_a_process(pindrill: Pindrill) -> None:
    ran = pindrill.drill(CURL, "--only", "resumption/*", "--tls", "1.3", "--strategy", "leaf-spki")
    assert ran.codes("unsupported") == {"RP1", "RP2", "RP4", "RP5", "RP11"}
    assert "RP21" in ran.codes("pass")
    assert {line["reason"] for line in ran.results if line["verdict"] == "unsupported"} == {
        "it needs several requests in one process, and a command makes one"
    }


class Hoarder:
    """Offers every server the session that it got last, whoever gave it."""

    def __init__(self) -> None:
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._session: ssl.SSLSession | None = None

    def __call__(self, target: Target) -> str:
        context = self._contexts.setdefault(target.trust_file, target.ssl_context())
        tcp = socket.create_connection((target.address, target.port), timeout=target.deadline_s)
        with context.wrap_socket(tcp, server_hostname=target.host, session=self._session) as tls:
            tls.sendall(f"GET {target.path} HTTP/1.1\r\nHost: {target.host}\r\n\r\n".encode())
            answer = b""
            while part := tls.recv(65536):
                answer += part
            self._session = tls.session
            with contextlib.suppress(OSError):
                tls.unwrap()
        return answer.decode()


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
def test_no_ticket_leaves_its_run(tls: str) -> None:
    with Lab() as lab:
        result = lab.drill(Hoarder(), scenarios=["RP1"], tls=tls, strategies=["leaf-spki", "root-spki"])
    seen = [
        [stage.runs[0].observations[0] for stage in line.stages]
        for line in sorted(result.lines, key=lambda line: line.stages[0].runs[0].observations[0].accepted_at)
    ]
    assert len(seen) == 2
    assert [[each.resumed for each in cell] for cell in seen] == [[False, True], [False, True]]
    assert all(each.hello and each.hello.psk_offered for cell in seen for each in cell), "one of another run, if any"
    for first, second in seen:
        assert second.resumed_from == first.credential
        assert not first.ticket_declined
