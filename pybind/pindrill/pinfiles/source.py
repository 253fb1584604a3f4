"""Files as hostile input: sizes are limited before anything is read, archives are read in memory only."""

from __future__ import annotations

import bisect
import codecs
import lzma
import re
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pindrill.model import UsageError

MAX_FILE = 8 << 20
"""Far above any pin file; a whole source file or Info.plist fits."""
MAX_MEMBER = 4 << 20
MAX_DIRECTORY = 16 << 20
"""Of an archive's table of contents; about 200,000 entries."""
MAX_UNPACKED = 64 << 20
"""Of all members that are looked into."""
_END_OF_DIRECTORY = b"PK\x05\x06"
_READ_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    NotImplementedError,
    RuntimeError,
    OSError,
    EOFError,
    ValueError,
    ImportError,
)
"""What `zipfile` and its decompressors raise over an archive that is broken, encrypted or packed in another way."""


@dataclass(frozen=True)
class Source:
    """One file, or one member of an archive, with the name that findings carry."""

    path: str
    data: bytes

    def refuse(self, line: int, what: str, fix: str) -> UsageError:
        return UsageError(f"{self.path}:{line}: {what}; {fix}")

    def text(self) -> str:
        """UTF-8, or UTF-16 with a byte order mark; line ends made uniform."""
        encoding = "utf-16" if self.data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
        try:
            decoded = self.data.decode(encoding)
        except UnicodeDecodeError as error:
            line = self.data.count(b"\n", 0, error.start) + 1
            raise self.refuse(line, f"not {encoding.removesuffix('-sig')} text", "save it as UTF-8") from error
        if "\0" in decoded:
            line = decoded.count("\n", 0, decoded.index("\0")) + 1
            raise self.refuse(line, "a zero byte in a text file", "save it as UTF-8")
        return decoded.replace("\r\n", "\n").replace("\r", "\n")


def read_source(path: Path) -> Source:
    """The whole of a file that is no archive."""
    try:
        with _open(path) as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}; give a file that is there") from error
    if len(data) > MAX_FILE:
        raise UsageError(f"{path}: larger than {MAX_FILE >> 20} MiB, no pin file is; give the pin file itself")
    return Source(str(path), data)


def is_archive(path: Path) -> bool:
    try:
        with _open(path) as file:
            return file.read(4) in (b"PK\x03\x04", _END_OF_DIRECTORY)
    except OSError:
        return False


class Lines:
    """Line numbers of positions in a text."""

    def __init__(self, text: str) -> None:
        self._ends = [found.start() for found in re.finditer("\n", text)]

    def at(self, position: int) -> int:
        return bisect.bisect_left(self._ends, position) + 1


class Archive:
    """An APK or IPA: members by their exact name, never unpacked to disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._left = MAX_UNPACKED
        try:
            _refuse_large_directory(path)
            self._zip = zipfile.ZipFile(path)
        except _READ_ERRORS as error:
            raise UsageError(f"{path}: a broken archive ({error}); give the APK or IPA as it was built") from error
        self.names = self._zip.namelist()
        self._members: dict[str, list[zipfile.ZipInfo]] = {}
        for info in self._zip.infolist():
            self._members.setdefault(info.filename, []).append(info)

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def member(self, name: str) -> Source:
        """Refused when there are two of the name: installers and this reader may take different ones."""
        where = f"{self.path}!/{name}"
        infos = self._members.get(name, [])
        if len(infos) != 1:
            raise UsageError(f"{where}: {len(infos)} members of this name; give the archive as it was built")
        limit = min(MAX_MEMBER, self._left)
        try:
            with self._zip.open(infos[0]) as file:
                data = file.read(limit + 1)
        except _READ_ERRORS as error:
            raise UsageError(f"{where}: cannot be unpacked: {error}; give the archive as it was built") from error
        if len(data) > limit:
            raise UsageError(f"{where}: unpacks to more than {limit >> 20} MiB; give the pin file itself")
        self._left -= len(data)
        return Source(where, data)


def _open(path: Path) -> BinaryIO:
    if path.is_dir():
        raise IsADirectoryError(21, "is a directory")
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        raise OSError(22, "is no regular file")
    return path.open("rb")


def _refuse_large_directory(path: Path) -> None:
    """`zipfile` reads the table of contents whole, whatever size it claims."""
    tail = (1 << 16) + 22
    with _open(path) as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - tail))
        data = file.read(tail)
    at = data.rfind(_END_OF_DIRECTORY)
    if at < 0 or len(data) - at < 22:
        raise zipfile.BadZipFile("it has no table of contents")
    entries, claimed = (
        int.from_bytes(data[at + 10 : at + 12], "little"),
        int.from_bytes(data[at + 12 : at + 16], "little"),
    )
    if claimed > MAX_DIRECTORY or entries == 0xFFFF:
        raise zipfile.BadZipFile("its table of contents is larger than any app's")
