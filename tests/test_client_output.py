"""What is kept of a program's output, and what is found in all of it."""

from __future__ import annotations

import re
import tracemalloc
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from pindrill.clients.command import CommandDriver
from pindrill.clients.output import GO_CRASH, OUTPUT_LIMIT, TOLD, KeptOutput, Sought, excerpt
from pindrill.model import Said
from support.targets import CANARY, target

LETTERS = st.binary(max_size=60).map(lambda data: bytes(b"ab\n"[byte % 3] for byte in data))


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    ends = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in pairwise(ends)]


@given(LETTERS, LETTERS.filter(lambda wanted: 0 < len(wanted) < 6), st.lists(st.integers(0, 100)))
def test_what_is_wanted_is_found_however_it_is_cut(data: bytes, wanted: bytes, cuts: list[int]) -> None:
    sought = Sought.text(wanted)
    for piece in pieces(data, cuts):
        sought.take(piece)
    assert sought.found == (wanted in data)


@given(LETTERS, st.lists(st.integers(0, 100)))
def test_patterns_are_found_in_their_order(data: bytes, cuts: list[int]) -> None:
    sought = Sought([(re.compile(rb"\naa"), 3), (re.compile(rb"\nb"), 2)])
    for piece in pieces(data, cuts):
        sought.take(piece)
    assert sought.found == bool(re.search(rb"\naa.*\nb", b"\n" + data, re.DOTALL))


@given(st.binary(max_size=200), st.lists(st.integers(0, 300)), st.integers(2, 40))
def test_the_beginning_and_the_end_are_kept(data: bytes, cuts: list[int], limit: int) -> None:
    kept = KeptOutput(limit)
    for piece in pieces(data, cuts):
        kept.take(piece)
    half = limit // 2
    assert kept.total == len(data)
    assert kept.data().startswith(data[:half])
    assert kept.data().endswith(data[max(half, len(data) - half) :])
    missing = len(data) - 2 * half
    assert (f"{missing} bytes of this output were not kept".encode() in kept.data()) == (missing > 0)
    if missing <= 0:
        assert kept.data() == data


def test_a_flood_is_kept_in_bounded_memory() -> None:
    kept = KeptOutput()
    chunk = b"x" * 65536
    tracemalloc.start()
    for _ in range(1024):
        kept.take(chunk)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept.total == 1024 * len(chunk)
    assert peak < 4 * OUTPUT_LIMIT


def test_what_a_result_tells_has_a_bound_that_is_said() -> None:
    told = excerpt(b"begin" + b"x" * 10_000 + b"end")
    assert len(told) <= TOLD
    assert told.startswith("begin")
    assert told.endswith("end")
    assert "left out" in told
    assert excerpt(b"short") == "short"


# --- a verdict does not depend on how much was said before -------------------------------------------------------

PANIC = "panic: runtime error: index out of range [3] with length 3"
TRACE = "goroutine 1 [running]:"


def flood(bytes_: int) -> str:
    return f"head -c {bytes_} /dev/zero | tr '\\0' y >&2; echo >&2"


def attempt(home: Path, script: str) -> tuple[Said, str, bool]:
    report = CommandDriver(["sh", "-c", script]).session(home).attempt(target(), CANARY)
    return report.said, report.detail, report.canary_out


def test_a_crash_after_a_flood_is_no_refusal(home: Path) -> None:
    script = (
        f"{flood(1_000_000)}; echo '{PANIC}' >&2; {flood(1_000_000)}; echo '{TRACE}' >&2; {flood(1_000_000)}; exit 2"
    )
    said, _, _ = attempt(home, script)
    assert said is Said.DIED


def test_the_last_words_are_those_after_a_flood(home: Path) -> None:
    assert attempt(home, f"{flood(1_000_000)}; echo 'bad pin' >&2; exit 60") == (
        Said.REFUSED,
        "exit 60: bad pin",
        False,
    )


def test_the_canary_is_found_between_two_floods(home: Path) -> None:
    script = f"head -c 3000000 /dev/zero; echo {CANARY}; head -c 3000000 /dev/zero"
    assert attempt(home, script) == (Said.ACCEPTED, "", True)


def test_a_panic_that_is_the_programs_own_is_no_crash_of_gos() -> None:
    sought = Sought(GO_CRASH)
    sought.take(f"panic: pin mismatch\n\n{TRACE}\n".encode())
    assert not sought.found
