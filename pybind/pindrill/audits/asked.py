"""What `pindrill audit` was asked, as values; UsageError says what is wrong with it."""

from __future__ import annotations

import ipaddress
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pindrill.audits.audit import Entry
from pindrill.audits.facts import Way
from pindrill.machine.names import own_address
from pindrill.model import UsageError

LOOPBACK = "127.0.0.1"
_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")


@dataclass(frozen=True)
class AppCommand:
    name: str
    command: tuple[str, ...]
    folder: Path | None = None
    """Where it runs: that of the file that names it."""


def read_entries(
    *,
    proxy: str | None,
    socks: str | None,
    reverse: str | None,
    transparent: str | None,
    direct: bool,
    names: tuple[str, ...],
    ports: Sequence[int],
    listen: str | None,
) -> tuple[Entry, ...]:
    entries: list[Entry] = []
    proxies: list[tuple[Way, str | None]] = [("proxy", proxy), ("socks", socks), ("transparent", transparent)]
    for way, text in proxies:
        if text is not None:
            address, number = read_address(text, f"--{way}")
            entries.append(Entry(way=way, address=address, ports=(number,)))
    if reverse is not None:
        upstream, _, number_text = reverse.rpartition(":")
        if not upstream or not number_text.isdigit():
            raise UsageError(f"--reverse takes the HOST:PORT of the real server, not '{reverse}'")
        address, number = read_address(listen or "", "--listen")
        host = upstream.strip("[]")
        entries.append(Entry(way="reverse", address=address, ports=(number,), upstream=(host, int(number_text))))
    if direct:
        if not names:
            raise UsageError("--direct needs the names that the app is to find here: --host NAME, or --host @FILE")
        address = listen or own_address()
        read_address(address, "--listen")
        entries.append(Entry(way="direct", address=address, ports=tuple(ports) or (443,), names=names))
    elif ports:
        raise UsageError("--port belongs to --direct; other ways in take ADDRESS:PORT")
    if not entries:
        raise UsageError("say how the app comes here: --proxy, --socks, --reverse HOST:PORT, --direct or --transparent")
    return tuple(entries)


def read_address(text: str, option: str) -> tuple[str, int]:
    """ADDRESS, PORT or ADDRESS:PORT; what is missing is the loopback address, and a free port."""
    address, port = LOOPBACK, "0"
    bracketed = re.fullmatch(r"\[(?P<v6>[^]]*)\](?::(?P<port>\d+))?", text)
    if bracketed:
        address, port = bracketed["v6"], bracketed["port"] or "0"
    elif text.isdigit():
        port = text
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    elif text:
        address = text
    try:
        ipaddress.ip_address(address)
    except ValueError as error:
        raise UsageError(f"{option} takes ADDRESS:PORT with an IP address of this machine, not '{text}'") from error
    if not port.isdigit() or int(port) > 65535:
        raise UsageError(f"{option}: '{port}' is no port")
    return address, int(port)


def read_names(texts: Sequence[str]) -> tuple[str, ...]:
    """Names given one by one, or in files behind an @."""
    names: list[str] = []
    for text in texts:
        if text.startswith("@"):
            names += [word for line in _lines(Path(text[1:]), "--host @FILE") for word in line.split()]
        else:
            names.append(text)
    for name in names:
        if not _NAME.fullmatch(name):
            raise UsageError(f"--host takes host names such as api.example.com, not '{name}'")
    return tuple(dict.fromkeys(name.lower().rstrip(".") for name in names))


def read_hosts_file(path: Path) -> dict[str, str]:
    """hosts(5): an address, and names of it."""
    found: dict[str, str] = {}
    for number, line in enumerate(_lines(path, "--upstream-hosts"), start=1):
        address, *names = line.split()
        try:
            ipaddress.ip_address(address)
        except ValueError as error:
            raise UsageError(f"{path}:{number}: a line is an IP address and its names, not '{line}'") from error
        if not names:
            raise UsageError(f"{path}:{number}: the address {address} has no name behind it")
        found.update({name.lower().rstrip("."): address for name in names})
    return found


def read_apps(command: Sequence[str], name: str | None, file: Path | None) -> tuple[AppCommand, ...]:
    if file is None:
        default = Path(command[0]).name if command else "app"
        return (AppCommand(name or default, tuple(command)),)
    if command or name:
        raise UsageError("--apps names the apps and their commands; leave out --app and the command behind `--`")
    apps = []
    for line in _lines(file, "--apps"):
        try:
            first, *words = shlex.split(line)
        except ValueError as error:
            raise UsageError(f"{file}: '{line}': {error}") from error
        if not words:
            raise UsageError(f"{file}: '{line}': a line is NAME COMMAND…")
        apps.append(AppCommand(first, tuple(words), file.parent.absolute()))
    if len({app.name for app in apps}) < len(apps):
        raise UsageError(f"{file}: two apps have the same name")
    return tuple(apps)


def _lines(path: Path, option: str) -> list[str]:
    """Without comments and empty lines."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{option}: {path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    stripped = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in stripped if line]
