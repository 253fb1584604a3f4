"""The names under test resolve wherever that is possible; where it is not, a client may be told the address."""

from __future__ import annotations

import pytest
from pindrill.machine import names
from support.cli import CURL, Pindrill

RESOLVING = (*CURL[:-1], "--resolve", "{host}:{port}:{address}", "{url}")
DRILL = ("drill", "--tls", "1.3", "--only", "BL1", "--json", "results.jsonl", "--")


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that allows no namespace and no sudo."""
    monkeypatch.setattr(names, "works", lambda _: False)
    monkeypatch.setattr(names, "resolves", lambda _: False)  # asks no name server


def test_a_command_that_is_told_the_address_finds_the_name_as_well(pindrill: Pindrill) -> None:
    client = pindrill.script("app", '#!/bin/sh\nshift\nexec curl -sS --cacert "$1" --pinnedpubkey "$2" "$3"\n')
    ran = pindrill.drill((client, "{address}", "{ca_file}", "{pins_curl}", "{url}"), "--tls", "1.3", only=("BL1",))
    assert (ran.code, ran.verdicts()) == (0, {"BL1": {"pass"}})


@pytest.mark.usefixtures("nowhere")
def test_without_names_a_command_that_is_told_the_address_may_do(pindrill: Pindrill) -> None:
    ran = pindrill.call(*DRILL, *RESOLVING)
    assert (ran.code, ran.verdicts()) == (0, {"BL1": {"pass"}}), ran.err


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("client", [CURL, (*CURL, "{{address}}")], ids=["not told", "escaped"])
def test_without_names_any_other_command_is_no_use(pindrill: Pindrill, client: tuple[str, ...]) -> None:
    ran = pindrill.call(*DRILL, *client)
    assert ran.code == 2
    assert "app.pin.test cannot be made to resolve here" in ran.err
    assert "--edit-hosts" in ran.err
