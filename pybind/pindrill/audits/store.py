"""What an audit saw and said, kept: a SQLite store of many audits, and JSON Lines that grow as verdicts come."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pindrill.audits.facts import AppRun, Contact
from pindrill.machine.locks import lock
from pindrill.model import ClientHello, HarnessFailed, Observation, UsageError
from pindrill.results.audit_line import AuditLine, audit_line_of
from pindrill.results.line import line_text

_Result = TypeVar("_Result")

VERSION = 1
MAX_LINE_BYTES = 8 * 1024 * 1024
_SCHEMA = """
CREATE TABLE audit (
  number INTEGER PRIMARY KEY, app TEXT NOT NULL, mode TEXT NOT NULL, started_at REAL NOT NULL, finished_at REAL,
  pindrill TEXT NOT NULL
);
CREATE TABLE run (
  audit INTEGER NOT NULL REFERENCES audit, number INTEGER NOT NULL, ending_at INTEGER NOT NULL, death TEXT NOT NULL,
  PRIMARY KEY (audit, number)
);
CREATE TABLE contact (
  audit INTEGER NOT NULL REFERENCES audit, destination TEXT NOT NULL, condition TEXT, run INTEGER NOT NULL,
  facts TEXT NOT NULL
);
CREATE TABLE verdict (
  audit INTEGER NOT NULL REFERENCES audit, destination TEXT NOT NULL, verdict TEXT NOT NULL, line TEXT NOT NULL,
  PRIMARY KEY (audit, destination)
);
CREATE INDEX contact_of_audit ON contact (audit, destination);
CREATE INDEX audit_of_app ON audit (app);
"""


class StoreFailed(HarnessFailed):
    """Results cannot be kept: the disk is full, or gone. What was written before is whole. Exit code 3."""


@dataclass(frozen=True)
class AuditRecord:
    number: int
    app: str
    mode: str
    started_at: float
    finished_at: float | None
    """None: it was interrupted."""
    pindrill: str


class AuditStore:
    """Safe to use from many threads; every call is whole on the disk or not there at all."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._base = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        except (OSError, sqlite3.Error) as error:
            raise UsageError(f"{path}: cannot open the store: {error}") from error
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._base.close()
            raise UsageError(f"{path}: cannot be used as a store of audits: {error}; name another file") from error
        except UsageError:
            self._base.close()
            raise

    def begin(self, *, app: str, mode: str, pindrill: str) -> int:
        values = (app, mode, self._clock(), pindrill)
        sql = "INSERT INTO audit (app, mode, started_at, pindrill) VALUES (?, ?, ?, ?)"
        return self._write(lambda base: base.execute(sql, values).lastrowid or 0)

    def add_run(self, audit: int, run: AppRun) -> None:
        values = (audit, run.number, run.ending_at, run.death)
        self._write(lambda base: base.execute("INSERT OR REPLACE INTO run VALUES (?, ?, ?, ?)", values))

    def add_contact(self, audit: int, contact: Contact) -> None:
        """Without what the client said."""
        condition = contact.condition.value if contact.condition else None
        facts = json.dumps(contact_facts(contact), separators=(",", ":"))
        values = (audit, _text(str(contact.destination)), condition, contact.run, facts)
        self._write(lambda base: base.execute("INSERT INTO contact VALUES (?, ?, ?, ?, ?)", values))

    def finish(self, audit: int, lines: Iterable[AuditLine]) -> None:
        """The verdicts, and with them the end of the audit."""
        rows = [(audit, _text(line.destination), line.verdict, line_text(line)) for line in lines]

        def write(base: sqlite3.Connection) -> None:
            base.executemany("INSERT OR REPLACE INTO verdict VALUES (?, ?, ?, ?)", rows)
            base.execute("UPDATE audit SET finished_at = ? WHERE number = ?", (self._clock(), audit))

        self._write(write)

    def audits(self, app: str | None = None) -> list[AuditRecord]:
        """The oldest first."""
        sql = "SELECT number, app, mode, started_at, finished_at, pindrill FROM audit"
        where, values = (" WHERE app = ?", (app,)) if app is not None else ("", ())
        return [AuditRecord(*row) for row in self._read(sql + where + " ORDER BY number", values)]

    def finished_apps(self) -> frozenset[str]:
        """Whose audit need not be run again by a resumed list."""
        return frozenset(row[0] for row in self._read("SELECT app FROM audit WHERE finished_at IS NOT NULL"))

    def runs(self, audit: int) -> list[AppRun]:
        sql = "SELECT number, ending_at, death FROM run WHERE audit = ? ORDER BY number"
        return [AppRun(*row) for row in self._read(sql, (audit,))]

    def contacts(self, audit: int) -> list[Contact]:
        sql = "SELECT facts FROM contact WHERE audit = ? ORDER BY rowid"
        return [Contact.from_dict(_with_later_facts(json.loads(row[0]))) for row in self._read(sql, (audit,))]

    def lines(self, audit: int) -> list[AuditLine]:
        sql = "SELECT line FROM verdict WHERE audit = ? ORDER BY destination"
        return [audit_line_of(json.loads(row[0])) for row in self._read(sql, (audit,))]

    def close(self) -> None:
        with self._lock:
            self._base.close()

    def _prepare(self) -> None:
        (version,) = self._base.execute("PRAGMA user_version").fetchone()
        (tables,) = self._base.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if version not in (0, VERSION) or (version == 0 and tables):
            raise UsageError(
                f"{self._path}: a database, but not one of this pindrill's audits (version {version}, "
                f"it reads {VERSION}); name another file"
            )
        self._base.execute("PRAGMA journal_mode = WAL")
        self._base.execute("PRAGMA synchronous = NORMAL")
        if not version:
            self._base.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT")

    def _write(self, statement: Callable[[sqlite3.Connection], _Result]) -> _Result:
        with self._lock:
            try:
                self._base.execute("BEGIN IMMEDIATE")
                result = statement(self._base)
                self._base.execute("COMMIT")
            except sqlite3.Error as error:
                if self._base.in_transaction:
                    self._base.execute("ROLLBACK")
                raise StoreFailed(
                    f"{self._path}: cannot keep the results: {error}; what was kept before is whole: make room and "
                    "go on with --resume"
                ) from error
            return result

    def _read(self, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
        with self._lock:
            try:
                return self._base.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                raise StoreFailed(f"{self._path}: cannot read the results: {error}") from error


def _with_later_facts(facts: dict[str, Any]) -> dict[str, Any]:
    """What earlier versions did not watch for; whatever a contact of this one lacks is an error."""
    seen, hello = facts["seen"], facts["seen"]["hello"]
    return {**facts, "seen": {**Observation.LATER, **seen, "hello": hello and {**ClientHello.LATER, **hello}}}


def contact_facts(contact: Contact) -> dict[str, Any]:
    """Plain values, as `Contact.from_dict` takes them, without what the client said."""
    facts = {
        **vars(contact),
        "host": contact.destination.host,
        "port": contact.destination.port,
        "condition": contact.condition.value if contact.condition else None,
        "seen": contact.seen.to_dict(),
        "readable": [(each.kind.value, each.name, each.length) for each in contact.readable],
    }
    del facts["destination"], facts["plaintext"]
    return facts


class LineFile:
    """JSON Lines, each appended at once and whole."""

    def __init__(self, path: Path, *, resume: bool = False) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.earlier: list[AuditLine] = []
        self._whole = 0
        """The length of all whole lines."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
            self._file = open(os.open(path, flags, 0o666), "wb", buffering=0)  # noqa: SIM115 (not truncated)
            try:
                lock(self._file.fileno(), path)
                if resume and path.is_file():
                    self.earlier = read_lines(path, tail_may_be_cut=True)
                    # A killed run may have left half a line, or a whole one without its end.
                    self._whole = path.read_bytes().rfind(b"\n") + 1
                self._cut()
            except BaseException:
                self._file.close()
                raise
        except OSError as error:
            raise UsageError(f"{path}: cannot write the results: {error.strerror}") from error

    def append(self, line: AuditLine) -> None:
        data = line_text(line).encode() + b"\n"
        written = 0
        with self._lock:
            try:
                while written < len(data):
                    written += self._file.write(data[written:])
            except OSError as error:
                self._cut()
                raise StoreFailed(
                    f"{self._path}: cannot keep the results: {error.strerror}; the lines written before are whole: "
                    "make room and go on with --resume"
                ) from error
            self._whole += written

    def close(self) -> None:
        with self._lock:
            self._file.close()

    def _cut(self) -> None:
        if self._path.is_file():
            self._file.truncate(self._whole)
            self._file.seek(self._whole)


def read_lines(path: Path, *, tail_may_be_cut: bool = False) -> list[AuditLine]:
    """The lines of a results file of audits; only a resumed run takes one whose last line was cut short."""
    found: list[AuditLine] = []
    try:
        with path.open("rb") as file:
            for number, data in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES + 1), b""), start=1):
                if not data.endswith(b"\n") and tail_may_be_cut:
                    return found
                found.append(_parsed(path, number, data))
    except OSError as error:
        raise UsageError(f"{path}: cannot read the results: {error.strerror}") from error
    return found


def _parsed(path: Path, number: int, data: bytes) -> AuditLine:
    where = f"{path}:{number}"
    if len(data) > MAX_LINE_BYTES:
        raise UsageError(f"{where}: a line of more than {MAX_LINE_BYTES} bytes is no result of an audit")
    try:
        line = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where}: this line is no JSON ({error}); the file was cut short or altered") from error
    try:
        return audit_line_of(line)
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from error


def _text(value: str) -> str:
    """What a peer named so that SQLite takes it."""
    return value.encode("utf-8", "backslashreplace").decode()
