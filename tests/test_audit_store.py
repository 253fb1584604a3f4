"""What is kept of audits: whole, or not at all."""

from __future__ import annotations

import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from pindrill.audits.facts import AppRun, Contact, Readable, ReadableKind
from pindrill.audits.store import AuditStore, LineFile, StoreFailed, contact_facts, read_lines
from pindrill.audits.verdict import judge
from pindrill.model import UsageError
from support.audit_lines import line, told_line
from support.contacts import C, in_order, passed, plain, read, told, trust

SECRET = "S3cretValueOfSomebody"
CONTACTS = in_order(
    *trust(),
    passed(),
    told(),
    told(),
    plain(),
    read(C.EXPIRED, readable=(Readable(ReadableKind.COOKIE, "session", 21),)),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[AuditStore]:
    opened = AuditStore(tmp_path / "audits.db", clock=lambda: 7.0)
    yield opened
    opened.close()


def begun(store: AuditStore, app: str = "shop") -> int:
    return store.begin(app=app, mode="proxy", pindrill="1")


# --- the store -------------------------------------------------------------------------------------------------


def test_contacts_come_back_as_they_were(store: AuditStore) -> None:
    audit = begun(store)
    for each in CONTACTS:
        store.add_contact(audit, each)
    assert store.contacts(audit) == CONTACTS
    assert judge(store.contacts(audit)) == judge(CONTACTS)


def test_contacts_are_plain_json() -> None:
    for each in CONTACTS:
        facts = json.loads(json.dumps(contact_facts(each)))
        assert Contact.from_dict(facts) == each


def test_contacts_of_an_earlier_version_come_back(store: AuditStore, tmp_path: Path) -> None:
    audit = begun(store)
    store.add_contact(audit, read())
    with sqlite3.connect(tmp_path / "audits.db") as base:
        base.execute("UPDATE contact SET facts = json_remove(facts, '$.seen.unread_bytes')")
    base.close()
    assert [each.seen.unread_bytes for each in store.contacts(audit)] == [0]


def test_what_the_client_said_is_not_kept(store: AuditStore, tmp_path: Path) -> None:
    store.add_contact(begun(store), read(plaintext=SECRET.encode()))
    store.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"trusted-ca" in kept
    assert SECRET.encode() not in kept


def test_runs_and_lines_come_back(store: AuditStore) -> None:
    audit = begun(store)
    runs = [AppRun(1), AppRun(2, ending_at=9, death="was killed by SIGSEGV")]
    for each in runs:
        store.add_run(audit, each)
    store.finish(audit, [line("b:443"), line("a:443", "mixed")])
    assert store.runs(audit) == runs
    assert [each.destination for each in store.lines(audit)] == ["a:443", "b:443"]
    assert store.lines(audit)[0] == line("a:443", "mixed")


def test_audits_of_several_apps_stay_apart(store: AuditStore) -> None:
    first, second, third = begun(store), begun(store, "bank"), begun(store)
    store.add_contact(first, CONTACTS[0])
    store.finish(first, [line()])
    store.finish(third, [line(verdict="mixed")])
    assert [each.number for each in store.audits("shop")] == [first, third]
    assert [each.app for each in store.audits()] == ["shop", "bank", "shop"]
    assert store.audits("bank")[0].finished_at is None
    assert store.contacts(second) == store.contacts(third) == []
    assert [store.lines(each)[0].verdict for each in (first, third)] == ["pinned", "mixed"]


def test_only_finished_apps_need_not_be_run_again(store: AuditStore) -> None:
    store.finish(begun(store), [line()])
    store.add_contact(begun(store, "bank"), CONTACTS[0])
    assert store.finished_apps() == {"shop"}


def test_the_store_is_there_again_after_it_was_closed(store: AuditStore, tmp_path: Path) -> None:
    store.finish(begun(store), [line()])
    store.close()
    again = AuditStore(tmp_path / "audits.db")
    assert again.finished_apps() == {"shop"}
    again.close()


def test_a_killed_run_loses_nothing_that_was_kept(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from pindrill.audits.store import AuditStore\n"
        "store = AuditStore(Path(sys.argv[1])); first = store.begin(app='a', mode='proxy', pindrill='1')\n"
        "store.finish(first, []); store.begin(app='b', mode='proxy', pindrill='1'); os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path / "audits.db")], check=False)
    assert killed.returncode == -signal.SIGKILL
    store = AuditStore(tmp_path / "audits.db")
    assert [(each.app, each.finished_at is None) for each in store.audits()] == [("a", False), ("b", True)]
    store.close()


def test_many_threads(store: AuditStore) -> None:
    audit = begun(store)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda each: store.add_contact(audit, each), CONTACTS * 20))
    assert len(store.contacts(audit)) == len(CONTACTS) * 20


def test_a_full_disk_is_told_and_loses_nothing(store: AuditStore) -> None:
    audit = begun(store)
    store.add_contact(audit, CONTACTS[0])
    pages = store._base.execute("PRAGMA page_count").fetchone()[0]
    store._base.execute(f"PRAGMA max_page_count = {pages + 2}")
    kept = [CONTACTS[0]]

    def fill() -> None:
        while len(kept) < 1000:
            store.add_contact(audit, CONTACTS[0])
            kept.append(CONTACTS[0])

    with pytest.raises(StoreFailed, match=r"audits\.db: cannot keep .* full.*--resume"):
        fill()
    assert store.contacts(audit) == kept
    with pytest.raises(StoreFailed):
        store.finish(audit, [line(f"{number}:443", reason="x" * 500) for number in range(100)])
    assert store.lines(audit) == []
    assert store.finished_apps() == frozenset()
    store._base.execute(f"PRAGMA max_page_count = {pages + 1000}")
    store.finish(audit, [line()])
    assert store.finished_apps() == {"shop"}


def test_names_that_are_no_text(store: AuditStore) -> None:
    audit = begun(store)
    store.finish(audit, [line("\udcff\x00:443")])
    assert store.lines(audit)[0].destination == "\udcff\x00:443"


def test_files_that_are_no_store(tmp_path: Path) -> None:
    text, other, newer = tmp_path / "text", tmp_path / "other.db", tmp_path / "newer.db"
    text.write_text("no database" * 100)
    for path, sql in ((other, "CREATE TABLE x (y)"), (newer, "PRAGMA user_version = 9")):
        base = sqlite3.connect(path)
        base.execute(sql)
        base.close()
    for path, why in ((text, "not a database"), (other, "name another file"), (newer, "version 9"), (tmp_path, "open")):
        with pytest.raises(UsageError, match=why):
            AuditStore(path)


# --- JSON Lines ------------------------------------------------------------------------------------------------


def test_lines_are_there_at_once(tmp_path: Path) -> None:
    file = LineFile(tmp_path / "made" / "lines.jsonl")
    for number in range(3):
        file.append(line(f"{number}:443"))
        assert len(read_lines(tmp_path / "made" / "lines.jsonl")) == number + 1
    file.close()


@pytest.mark.parametrize("tail", [b"", b'{"version":1,"ap', b'{"version":1}', b"\xff\xfe"])
def test_a_resumed_file_goes_on_after_the_last_whole_line(tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(json.dumps(told_line("a:443")).encode() + b"\n" + tail)
    file = LineFile(path, resume=True)
    assert [each.destination for each in file.earlier] == ["a:443"]
    file.append(line("b:443"))
    file.close()
    assert [each.destination for each in read_lines(path)] == ["a:443", "b:443"]


def test_without_resume_a_file_begins_anew(tmp_path: Path) -> None:
    for destination in ("a:443", "b:443"):
        file = LineFile(tmp_path / "lines.jsonl")
        file.append(line(destination))
        file.close()
    assert [each.destination for each in read_lines(tmp_path / "lines.jsonl")] == ["b:443"]


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """As on a disk with so much room; Python ignores the signal that comes with it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_line_for_which_there_is_no_room_is_not_there_at_all(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    file = LineFile(path)
    file.append(line("a:443"))
    with no_file_above(path.stat().st_size + 40), pytest.raises(StoreFailed, match=r"lines\.jsonl: cannot keep"):
        file.append(line("b:443"))
    assert [each.destination for each in read_lines(path)] == ["a:443"]
    file.append(line("c:443"))
    file.close()
    assert [each.destination for each in read_lines(path)] == ["a:443", "c:443"]


def test_a_full_disk_says_so() -> None:
    file = LineFile(Path("/dev/full"))
    with pytest.raises(StoreFailed, match="/dev/full: cannot keep the results: No space left on device"):
        file.append(line())
    file.close()


def test_lines_may_go_to_a_pipe() -> None:
    reader, writer = os.pipe()
    file = LineFile(Path(f"/dev/fd/{writer}"))
    file.append(line())
    file.close()
    os.close(writer)
    with open(reader, "rb") as end:
        assert json.loads(end.read()) == told_line()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "lines.jsonl:2: this line is no JSON"),
        ("[]", "lines.jsonl:2: no result of an audit"),
        ('{"version": 1}', "'pindrill' is missing"),
        (json.dumps({**told_line(), "version": 2}), "result version 2, this pindrill reads 1"),
        ("[" * 100_000, "lines.jsonl:2: this line is no JSON"),
        (json.dumps(told_line(readable=[{"kind": "cookie"}])), r"no result of an audit: .*`name`.*readable"),
        (json.dumps(told_line())[:-9], "lines.jsonl:2: this line is no JSON"),
    ],
)
def test_lines_that_are_no_results(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text(json.dumps(told_line()) + "\n" + text)
    with pytest.raises(UsageError, match=why):
        read_lines(path)


def test_a_file_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        read_lines(tmp_path / "none")
    with pytest.raises(UsageError, match="cannot write"):
        LineFile(tmp_path)
