"""What is done with a pin file takes time in proportion to its size, whatever stands in it.

Counted is the processor time of this process, with room for twenty times what is usual: a pattern or a loop that goes
over the same text again and again takes a hundred times as long, and is ended at the bound."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import pytest
from pindrill import _core
from pindrill.model import UsageError
from pindrill.pinfiles.detect import read_all, read_text
from pindrill.pinfiles.explain import differences, rule_as_json, shown
from pindrill.pinfiles.formats import WRITTEN
from pindrill.pinfiles.lint import lint
from pindrill.pinfiles.losses import DROPPABLE
from pindrill.pinfiles.source import Source
from pindrill.pinfiles.write import write
from pindrill.preflight import check
from pindrill.preflight.files import chain_of
from support.hostile import HEADS, archive, folded_plist, repeated, structured
from support.pin_vectors import AT
from support.planned import intermediate, leaf, new_key, root

PIECES, SMALL, LARGE = 24_000, 12_000, 60_000
BOUND_S = 4.0
"""Of processor time, for reading and linting a text of PIECES characters; usual is less than a tenth."""
SLOPE = 15
"""How much longer five times as much may take; five is proportion, twenty-five the square."""
MOST_S = 60.0


class TooSlow(BaseException):
    pass


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Ended at the bound: the matcher of patterns looks for signals too."""

    def end(*_: object) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGVTALRM, end)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def chain() -> list[_core.Certificate]:
    issuer = intermediate("Issuer", root("Root"))
    return _core.Certificate.list_from_pem(leaf(issuer, new_key(), "2026-05-01") + issuer.pem)


CHAIN = chain_of("chain", chain())


def everything(data: bytes) -> None:
    """As the commands show, lint, convert, diff, preflight, gate and plan do with a file that they have read."""
    try:
        files = read_text(Source("file", data))
    except UsageError:
        return
    lint(files, AT, chain=CHAIN.certificates, hosts=["api.example.com"])
    check(files, [CHAIN], at=AT, hosts=["api.example.com"])
    for file in files:
        list(shown(file, AT))
        [rule_as_json(file, rule, AT) for rule in file.rules]
        differences(file, file, AT)
        for target in WRITTEN:
            try:
                write(file, target, at=AT, pins_are="leaf", drop=DROPPABLE)
            except UsageError:
                continue


def read_and_lint(data: bytes) -> None:
    with suppress(UsageError):
        lint(read_text(Source("file", data)), AT)


def cost(data: bytes, bound: float, what: Callable[[bytes], None] = everything) -> float:
    start = time.process_time()
    try:
        with at_most(bound):
            what(data)
    except TooSlow:
        return bound
    return time.process_time() - start


@pytest.mark.parametrize("head", HEADS)
def test_a_piece_again_and_again(head: str) -> None:
    slow = [
        name
        for name, text in repeated(PIECES)
        if name.startswith(f"{head} + ") and cost(text.encode(), BOUND_S, read_and_lint) >= BOUND_S
    ]
    assert slow == []


@pytest.mark.parametrize("name", structured(SMALL))
def test_parts_that_refer_to_each_other(name: str) -> None:
    small = cost(structured(SMALL)[name].encode(), MOST_S)
    large = cost(structured(LARGE)[name].encode(), MOST_S)
    assert large < max(SLOPE * small, BOUND_S)


@pytest.mark.parametrize("keys", [50, 500])
def test_a_property_list_that_unfolds(keys: int) -> None:
    data = folded_plist(keys)
    assert len(data) < 30_000
    assert cost(data, BOUND_S) < BOUND_S


def test_an_archive_of_many_members(tmp_path: Path) -> None:
    many = {"AndroidManifest.xml": b"<manifest/>", **{f"res/{number}.xml": b"<a/>" for number in range(6000)}}
    path = archive(tmp_path / "x.apk", many)
    with at_most(BOUND_S), pytest.raises(UsageError, match="no Network Security Config"):
        read_all(path)


def test_an_archive_of_many_configs(tmp_path: Path) -> None:
    config = structured(200)["one pin again and again"].encode()
    many = {"AndroidManifest.xml": b"<manifest/>", **{f"res/{number}.xml": config for number in range(600)}}
    with at_most(BOUND_S), pytest.raises(UsageError, match="more than 50 Network Security Configs"):
        read_all(archive(tmp_path / "x.apk", many))


def test_more_than_an_app_has(tmp_path: Path) -> None:
    path = tmp_path / "x.xml"
    path.write_text(structured(900_000)["domains that share pins"])
    with at_most(MOST_S), pytest.raises(UsageError, match="no app has"):
        read_all(path)


def without_end(data: bytes) -> None:
    for _ in count():
        assert data == b""


def test_the_bound_is_one() -> None:
    assert cost(b"", 0.2, without_end) == 0.2
