"""Throw-away HOMEs: a cell never sees what another one left, and directories are not made for nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pindrill.drills.homes import Homes
from support.cli import Pindrill


def _temporary(home: Path) -> Path:
    path = home / "tmp"
    path.mkdir()
    return path


TRACES: dict[str, Callable[[Path], object]] = {
    "a file": lambda home: (home / "x").touch(),
    "a hidden file": lambda home: (home / ".x").touch(),
    "a directory": lambda home: (home / "x").mkdir(),
    "a dangling link": lambda home: (home / "x").symlink_to("nowhere"),
    "a temporary file": lambda home: (_temporary(home) / "x").touch(),
    "a file called tmp": lambda home: (home / "tmp").touch(),
    "a link called tmp": lambda home: (home / "tmp").symlink_to("/var"),
    "open to others": lambda home: home.chmod(0o755),
    "closed to itself": lambda home: home.chmod(0o500),
    "gone": lambda home: home.rmdir(),
}


@pytest.mark.parametrize("trace", TRACES.values(), ids=TRACES.keys())
def test_one_that_bears_a_trace_is_removed_and_not_used_again(tmp_path: Path, trace: Callable[[Path], object]) -> None:
    homes = Homes(tmp_path)
    with homes.one() as first:
        trace(first)
    assert list(tmp_path.iterdir()) == []
    with homes.one() as second:
        assert second != first
        assert list(second.iterdir()) == []


def test_one_that_stayed_empty_is_used_again(tmp_path: Path) -> None:
    homes = Homes(tmp_path)
    with homes.one() as first:
        _temporary(first)
    with homes.one() as second:
        assert second == first
        assert (second.stat().st_mode & 0o777, list((second / "tmp").iterdir())) == (0o700, [])


def test_two_at_the_same_time_are_not_the_same(tmp_path: Path) -> None:
    homes = Homes(tmp_path)
    with homes.one() as first, homes.one() as second:
        assert first != second
    with homes.one() as third, homes.one() as fourth, homes.one() as fifth:
        assert {third, fourth} == {first, second}
        assert fifth not in (first, second)


def test_one_is_given_back_after_a_failure_as_well(tmp_path: Path) -> None:
    def fail() -> None:
        with Homes(tmp_path).one() as home:
            (home / "x").touch()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_no_cell_finds_what_another_left(pindrill: Pindrill) -> None:
    client = pindrill.script(
        "app",
        '#!/bin/sh\n[ -z "$(find ~ "$TMPDIR" -mindepth 1 ! -path ~/tmp)" ] || exit 89\n'
        'case $3 in *[02468]) touch ~/.seen "$TMPDIR/seen";; esac\n'
        'exec curl -sS --cacert "$1" --pinnedpubkey "$2" "$3"\n',
    )
    command = (client, "{ca_file}", "{pins_curl}", "{url}")
    ran = pindrill.drill(command, "--repeat", "6", "--jobs", "4", only=("BL1", "BL3", "BL6", "CH4"))
    assert (ran.code, len(ran.results), ran.codes("pass")) == (0, 42, {"BL1", "BL3", "BL6", "CH4"})
