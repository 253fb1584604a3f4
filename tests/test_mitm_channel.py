"""The socket between the addon and pindrill: everything comes, as it is; nothing piles up; either end may die."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import closing
from threading import Thread
from typing import Any

import pytest
from pindrill.mitm.addon_channel import AddonChannel
from pindrill.mitm.inside.channel import Channel
from pindrill.mitm.inside.reporter import Reporter

AWKWARD = b'\n{"event": "over", "id": 1}\n' + bytes(range(256))
PATIENCE_S = 60.0


class Ends:
    """Both, without mitmproxy between."""

    def __init__(self) -> None:
        self.theirs, self.ours = socket.socketpair()
        self.theirs.setblocking(False)
        self.addon = Channel(self.theirs)
        self.asked: list[dict[str, Any]] = []
        self.ended: list[dict[str, Any]] = []
        self.other: list[tuple[str, dict[str, Any]]] = []
        self.channel = AddonChannel(
            self.ours,
            asked=self.asked.append,
            ended=self.ended.append,
            other=lambda name, event: self.other.append((name, event)),
        )

    def reporter(self, number: int = 1) -> Reporter:
        made = Reporter(self.addon, number, "reverse", "127.0.0.1", listener=8080)
        made.begin()
        return made

    def hang_up(self) -> None:
        self.theirs.shutdown(socket.SHUT_RDWR)


def flood(reporter: Reporter, piece: bytes) -> None:
    for _ in range(64):
        reporter.received(piece)


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    with closing(made.theirs), closing(made.ours):
        yield made


def test_bytes_come_as_they_are(ends: Ends) -> None:
    first, second = ends.reporter(1), ends.reporter(2)
    for each in (first, second):
        each.decide("trusted-ca")
        each.readable(AWKWARD)
    second.over()
    ends.addon.tell("denied")
    ends.hang_up()
    ends.channel.read()
    [contact] = ends.ended
    assert (contact["id"], contact["plaintext"]) == (2, AWKWARD)
    assert [each["plaintext"] for each in ends.channel.open()] == [AWKWARD]
    assert ends.channel.open(listener=1) == []
    assert [name for name, _ in ends.other] == ["denied"]


def test_what_comes_behind_the_end_of_a_connection_tells_nothing_of_it(ends: Ends) -> None:
    reporter = ends.reporter()
    reporter.over()
    reporter.end("fin")
    reporter.upstream_ended()
    ends.addon.tell("denied")
    ends.hang_up()
    ends.channel.read()
    assert [each["seen"]["ended"] for each in ends.ended] == ["open"]
    assert [name for name, _ in ends.other] == ["denied"]


def test_who_tells_waits_for_who_reads(ends: Ends) -> None:
    reporter, piece = ends.reporter(), bytes(64 * 1024)
    telling = Thread(target=flood, args=(reporter, piece))
    telling.start()
    telling.join(0.5)
    assert telling.is_alive(), "it must not pile up anywhere"
    reading = Thread(target=ends.channel.read)
    reading.start()
    telling.join(PATIENCE_S)
    assert not telling.is_alive()
    ends.hang_up()
    reading.join(PATIENCE_S)
    assert ends.channel.open()[0]["seen"]["bytes_in"] == 64 * len(piece)


def test_questions_do_not_wait_for_who_takes_no_answers(ends: Ends) -> None:
    """An addon that tells does not take orders meanwhile."""
    ends.reporter()
    reading = Thread(target=ends.channel.read)
    reading.start()
    for _ in range(10_000):
        ends.addon.tell("begins", b"GET", id=1, host="x", port=80)
    ends.addon.tell("denied")
    ends.theirs.shutdown(socket.SHUT_WR)
    reading.join(PATIENCE_S)
    assert not reading.is_alive()
    assert [name for name, _ in ends.other] == ["denied"]


def test_who_does_not_read_at_all_is_hung_up_on(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pindrill.mitm.inside.channel._PATIENCE_S", 0.05)
    flood(ends.reporter(), bytes(64 * 1024))
    assert ends.addon.closed
    ends.channel.read()
    assert ends.channel.open()


def test_a_pindrill_that_has_gone_is_told_nothing_more(ends: Ends) -> None:
    reporter = ends.reporter()
    ends.ours.close()
    for _ in range(100):
        reporter.received(bytes(64 * 1024))
    assert ends.addon.closed
    asked = ends.addon.ask("hello", b"", PATIENCE_S, id=1, host="", port=0, standing=False)
    assert asyncio.run(asked) is None


def test_a_question_is_left_when_pindrill_goes(ends: Ends) -> None:
    async def scene() -> object:
        serving = asyncio.create_task(ends.addon.serve(lambda order: asyncio.sleep(0)))
        asking = asyncio.create_task(ends.addon.ask("begins", b"\x16", PATIENCE_S, id=1, host="", port=0))
        await asyncio.sleep(0)
        ends.ours.close()
        await serving
        return await asking

    assert asyncio.run(scene()) is None


def test_an_answer_comes_to_who_asked(ends: Ends) -> None:
    async def scene() -> object:
        serving = asyncio.create_task(ends.addon.serve(lambda order: asyncio.sleep(0)))
        ends.reporter()
        reading = Thread(target=ends.channel.read)
        reading.start()
        found = await ends.addon.ask("begins", b"GET / HTTP/1.1\r\n", PATIENCE_S, id=1, host="x", port=80)
        ends.ours.shutdown(socket.SHUT_RDWR)
        await serving
        reading.join(PATIENCE_S)
        return found

    assert asyncio.run(scene()) == {"kind": "plain"}


def test_half_an_event_is_none(ends: Ends) -> None:
    reporter = ends.reporter()
    reporter.readable(b"whole")
    ends.theirs.setblocking(True)
    half = {"event": "readable", "id": 1, "at": 5, "size": 100}
    ends.theirs.sendall(json.dumps(half).encode() + b"\nhalf")
    ends.hang_up()
    ends.channel.read()
    assert ends.ended == []
    assert ends.channel.open()[0]["plaintext"] == b"whole"


@pytest.mark.parametrize("size", [-1, 1 << 40])
def test_a_size_that_cannot_be_is_refused(ends: Ends, size: int) -> None:
    ends.theirs.setblocking(True)
    ends.theirs.sendall(json.dumps({"event": "readable", "id": 1, "size": size}).encode() + b"\n")
    with pytest.raises(ValueError, match="at once"):
        ends.channel.read()


@pytest.mark.parametrize(
    ("way", "host", "data", "answer"),
    [
        ("proxy", "", b"CONNECT x:443", {"kind": "proxy"}),
        ("proxy", "", b"CONN", {"kind": "proxy"}),
        ("proxy", "", b"GET http://x/ HTTP/1.1\r\n", {"kind": "plain"}),
        ("proxy", "x", b"CONNECT x:443", {"kind": "plain"}),
        ("reverse", "x", b"\x16\x03", {"kind": "tls"}),
        ("reverse", "x", b"\x80\x20\x01\x03\x03", {"kind": "ssl2"}),
        ("reverse", "x", b"\x80\x20", {"kind": "unclear"}),
        ("direct", "", b"GET / HTTP/1.1\r\nHost: App.pin.test:81\r\n\r\n", {"kind": "plain", "host": "app.pin.test"}),
        ("direct", "", b"GET / HTTP/1.1\r\nHost: app.", {"kind": "unclear"}),
    ],
)
def test_what_a_client_begins_with(ends: Ends, way: str, host: str, data: bytes, answer: dict[str, str]) -> None:
    Reporter(ends.addon, 1, way, "127.0.0.1").begin()
    ends.addon.tell("begins", data, id=1, host=host, port=80)
    ends.theirs.shutdown(socket.SHUT_WR)
    ends.channel.read()
    ends.theirs.setblocking(True)
    assert json.loads(ends.theirs.recv(65536)) == {"do": "decide", "id": 1, "answer": answer}
