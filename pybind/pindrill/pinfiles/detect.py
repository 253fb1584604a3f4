"""What is in a file: told by its content, not by its name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from pindrill.model import UsageError
from pindrill.pinfiles.formats import FORMATS
from pindrill.pinfiles.markup import Element, is_binary_xml, parse
from pindrill.pinfiles.pin_file import InFolder, InPlist, InText, InXml, PinFile
from pindrill.pinfiles.plists import Plist, is_plist, read_plist
from pindrill.pinfiles.rules import Notes
from pindrill.pinfiles.source import Archive, Source, is_archive, read_source

MAX_TEXT = 1 << 20
"""Of a script, a source file or a configuration in another form than XML or a property list."""
MAX_RULES, MAX_PINS = 10_000, 20_000
MAX_XML, MAX_CONFIGS = 50_000, 50
"""Of an APK: members that are looked into, and those of them that are a Network Security Config."""
_MANIFEST = "AndroidManifest.xml"
_INFO_PLIST = re.compile(r"Payload/[^/]+\.app/Info\.plist")
_FOLDERS = [form.found for form in FORMATS if isinstance(form.found, InFolder)]
_XML = [form.found for form in FORMATS if isinstance(form.found, InXml)]
_PLISTS = [form.found for form in FORMATS if isinstance(form.found, InPlist)]
_TEXTS = list(dict.fromkeys(form.found for form in FORMATS if isinstance(form.found, InText)))
"""Each reader once, also where formats share one."""
_ROOTS = list(dict.fromkeys(found.root for found in _XML))
_FIX = f"give one of: {', '.join(form.title for form in FORMATS)}"


def read(path: Path | str) -> PinFile:
    """The pins of a file that holds one format."""
    files = read_all(path)
    if len(files) > 1:
        formats = ", ".join(file.format.name for file in files)
        raise UsageError(f"{path}: holds pins in several formats ({formats}); read them with read_all")
    return files[0]


def read_all(path: Path | str) -> tuple[PinFile, ...]:
    """The pins of a file in every format that it holds; UsageError when there is none."""
    given = Path(path)
    for folder in _FOLDERS:
        if folder.has(given):
            return (folder.read(given),)
    if is_archive(given):
        with Archive(given) as archive:
            return tuple(_of_app(_in_archive(archive)))
    return tuple(read_text(read_source(given)))


def read_text(source: Source) -> list[PinFile]:
    """As `read_all`, of a file that is no archive."""
    return _of_app(_in_text(source))


def _of_app(files: Iterable[PinFile]) -> list[PinFile]:
    return [_bounded(file) for file in files]


def _bounded(file: PinFile) -> PinFile:
    """Every rule's pins count, inherited ones too: what is done with a file goes over all of them."""
    pins = sum(len(rule.all_pins) for rule in file.rules)
    if len(file.rules) > MAX_RULES or pins > MAX_PINS:
        raise UsageError(
            f"{file.path}:1: {len(file.rules)} names with {pins} pins, more than {MAX_RULES} or {MAX_PINS}: no app has "
            "them; give the part that matters"
        )
    return file


def _in_text(source: Source) -> list[PinFile]:
    if is_plist(source.data):
        return _in_plist(read_plist(source))
    if is_binary_xml(source.data) or _names_a_root(source.data):
        return [_in_xml(source)]
    if len(source.data) > MAX_TEXT:
        raise UsageError(f"{source.path}: larger than {MAX_TEXT >> 20} MiB for a text; give the part with the pins")
    text = source.text()
    for found in _TEXTS:
        if found.has(text):
            return list(found.read(source))
    if text.lstrip().startswith("<"):
        return [_in_xml(source)]
    raise source.refuse(1, "no pins in a form that is known here", _FIX)


def _names_a_root(data: bytes) -> bool:
    return any(
        f"<{root}".encode() in data or root.encode("utf-16-le") in data or root.encode("utf-16-be") in data
        for root in _ROOTS
    )


def _in_xml(source: Source, *, debuggable: bool | None = None) -> PinFile:
    root = parse(source)
    for found in _XML:
        if root.tag == found.root and found.has(root):
            return found.read(root, source.path, debuggable)
    raise source.refuse(root.line, f"the root is <{root.tag}>, not {' or '.join(f'<{each}>' for each in _ROOTS)}", _FIX)


def _in_plist(plist: Plist) -> list[PinFile]:
    read = [found.read(plist) for found in _PLISTS if found.has(plist)]
    if not read:
        keys = " nor ".join(found.key for found in _PLISTS)
        raise plist.source.refuse(1, f"neither {keys} in it", "give the Info.plist that has the pins")
    return read


def _in_archive(archive: Archive) -> Iterator[PinFile]:
    infos = [name for name in archive.names if _INFO_PLIST.fullmatch(name)]
    if infos:
        yield from _in_plist(read_plist(archive.member(infos[0])))
        return
    if _MANIFEST not in archive.names:
        raise UsageError(f"{archive.path}: neither an APK nor an IPA: no {_MANIFEST}, no Payload/….app/Info.plist")
    manifest = parse(archive.member(_MANIFEST))
    application = next(iter(manifest.of("application")), Element("application", 1))
    configs = list(islice((source for source in _candidates(archive) if parse(source).tag in _ROOTS), MAX_CONFIGS + 1))
    if len(configs) > MAX_CONFIGS:
        raise UsageError(f"{archive.path}: more than {MAX_CONFIGS} Network Security Configs; no app has them")
    if not configs:
        raise UsageError(f"{archive.path}: no Network Security Config in this APK: it pins nothing by one")
    for source in configs:
        file = _in_xml(source, debuggable=application.attributes.get("android:debuggable") is True)
        yield _with_use(file, "android:networkSecurityConfig" in application.attributes, len(configs))


def _candidates(archive: Archive) -> Iterator[Source]:
    """Resources may be renamed, so each small XML resource that names the root element is looked into."""
    names = [name for name in archive.names if name.endswith(".xml") and name != _MANIFEST]
    if len(names) > MAX_XML:
        raise UsageError(f"{archive.path}: more than {MAX_XML} XML files in this APK; give the pin file itself")
    for name in names:
        source = archive.member(name)
        if any(root.encode() in source.data or root.encode("utf-16-le") in source.data for root in _ROOTS):
            yield source


def _with_use(file: PinFile, named: bool, count: int) -> PinFile:
    notes = Notes(file.path)
    if not named:
        notes.add(
            "unused",
            1,
            "the manifest does not name a Network Security Config",
            effect="the platform does not read this file: nothing is pinned",
            fix='add android:networkSecurityConfig="@xml/…" to <application>',
        )
        return replace(file, rules=(), findings=file.findings + notes.done(), crash="")
    if count > 1:
        notes.add(
            "unread",
            1,
            f"{count} Network Security Configs are in this APK",
            effect="the manifest names one of them by number: which one was not looked up",
            fix="judge the one that the source's manifest names",
        )
    return replace(file, findings=file.findings + notes.done())
