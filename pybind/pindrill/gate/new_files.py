"""The files that a project begins with: a commented pindrill.toml, and a CI file that runs the gate."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from pindrill.gate.gate_file import NAME
from pindrill.machine.outputs import write_file
from pindrill.model import UsageError
from pindrill.pinfiles import read_all
from pindrill.shipped import shipped

_SUFFIXES = frozenset({".xml", ".plist", ".kt", ".java"})
_WORDS = (b"network-security-config", b"NSPinnedDomains", b"TSKPinnedDomains", b"CertificatePinner")
_SKIPPED = frozenset({"build", "dist", "node_modules", "target", "Pods", "venv", "test", "tests"})
_MAX_ENTRIES, _MAX_BYTES = 50_000, 1 << 20


class Ci(StrEnum):
    GITHUB = "github"
    GITLAB = "gitlab"
    JENKINS = "jenkins"


_CI_FILES = {
    Ci.GITHUB: (".github/workflows/pindrill.yml", "github.yml"),
    Ci.GITLAB: (".gitlab-ci.yml", "gitlab.yml"),
    Ci.JENKINS: ("Jenkinsfile", "Jenkinsfile"),
}


def new_files(pin_files: Sequence[str], command: Sequence[str], ci: Ci | None) -> dict[Path, str]:
    made = {Path(NAME): _configuration(pin_files, command)}
    if ci:
        target, template = _CI_FILES[ci]
        made[Path(target)] = _template(template)
    return made


def write_new(made: Mapping[Path, str]) -> None:
    """All of them, or none where one is there already."""
    for path in made:
        if path.exists():
            raise UsageError(f"{path}: exists already; nothing was written. Move it away, or edit it")
    for path, text in made.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{path}: cannot be written: {error.strerror}") from error
        write_file(path, text)


def pin_files_in(root: Path) -> Iterator[str]:
    """Files that pin something; those that cannot be read are the gate's to complain about, once they are named."""
    left = _MAX_ENTRIES
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
        for name in sorted(names):
            left -= 1
            if left < 0:
                return
            path = Path(folder, name)
            if path.suffix in _SUFFIXES and _pins(path):
                yield str(path)


def _pins(path: Path) -> bool:
    try:
        if path.is_symlink() or path.stat().st_size > _MAX_BYTES:
            return False
        text = path.read_bytes()
        return any(word in text for word in _WORDS) and any(found.rules for found in read_all(path))
    except (OSError, UsageError):
        return False


def _configuration(pin_files: Sequence[str], command: Sequence[str]) -> str:
    listed = "".join(f"  {_quoted(name)},\n" for name in pin_files)
    pins = f"[pins]\nfiles = [\n{listed}]\n" if pin_files else _NO_PINS
    words = ", ".join(map(_quoted, command or ("./my-client", "--ca", "{ca_file}", "--pins", "{pins}", "{url}")))
    name = Path(command[0]).name if command else "my-client"
    client = f"[[client]]\nname = {_quoted(name)}\ncommand = [{words}]\n"
    if not command:
        client = "".join(f"# {line}\n" for line in client.splitlines())
    return _FILE.format(pins=pins, client=client, drill="[drill]" if command else "# [drill]", set_=_SET[bool(command)])


def _quoted(text: str) -> str:
    """A TOML basic string; JSON's escapes are a part of TOML's."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


_NO_PINS = '# [pins]\n# files = ["path/to/network_security_config.xml"]\n'
_SET = {True: 'set = "core"', False: '# set = "core"'}
_FILE = """\
# What `pindrill gate` checks. Paths are relative to this file.

# The pin files of one app, as shipped: Network Security Config, TrustKit, ATS, OkHttp, an APK or IPA.
{pins}# hosts = ["api.example.com"]  # names that must be pinned
# fail_on = "error"            # default: warnings fail the gate as well

# The next certificates: who would be locked out by them? PEM, the server's own certificate first.
# [preflight]
# chains = ["next-chain.pem"]
# trust = "roots.pem"          # the roots that devices trust
# plan = "rotation.toml"       # or a rotation plan, as `pindrill plan` takes it

# A client to drill. The placeholders are explained by `pindrill drill --help` and docs/qa.md. Repeatable;
# `file = "client.toml"` names a client file instead.
{client}
# What it is drilled in. "core" takes seconds; "all" is every scenario.
{drill}
{set_}
# only = ["interception/*", "RO6"]
# strategies = ["leaf-spki+backup"]
# pinned = "leaf-spki+backup"  # compiled into the client, from a keyring; or "none"
# keyring = "keyring"

# What is known to deviate, and why. It does not fail the gate; it is told when it no longer happens.
# [[expected]]
# scenarios = ["hostname/trailing-dot"]
# verdict = "fail-open"
# reason = "ticket 123"
# [[expected]]
# rule = "no-backup"
# reason = "ticket 124"
"""


def _template(name: str) -> str:
    """For the Python that runs here: a wheel is for one version of it."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    text = (shipped("templates") / name).read_text()
    return text.replace("3.13", version).replace("cp313", f"cp{version.replace('.', '')}")
