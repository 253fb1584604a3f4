"""Who may include and import whom: the arrows of the design, over the lines of the sources."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
INCLUDE = re.compile(r'^#include\s+[<"]([^>"]+)[>"]', re.MULTILINE)

# A header may include these of ours; what they include in turn comes with them.
HEADERS: dict[str, set[str]] = {
    "error": set(),
    "ossl": {"error"},
    "pki": {"ossl"},
    "rotation": {"pki"},
    "pin": {"pki"},
    "oracle": {"pin"},
    "observation": set(),
    "http2": set(),
    "http": {"observation", "http2"},
    "net": {"observation", "error"},
    "tls": {"pki", "observation"},
    "tls_client": {"pki"},
    "witness": {"tls", "http"},
    "server": {"witness", "net"},
    "opening": {"net"},
    "proxy": {"tls", "net", "http", "opening"},
    "record_watcher": set(),
    "interceptor": {"server", "tls_client", "opening", "record_watcher"},
}
# Files of src/ that belong to a header of another name.
PART_OF = {
    "key": "pki",
    "certificate": "pki",
    "mint": "pki",
    "trust_store": "pki",
    "paths": "oracle",
    "client_hello": "tls",
    "fingerprint": "tls",
    "unread_records": "tls",
    "server_context": "tls",
    "buffers": "pki",
    "stream": "net",
    "connect": "net",
    "public_address": "net",
    "net_impl": "net",
    "http2_frames": "http2",
    "http_opening": "opening",
    "socks_opening": "opening",
    "proxy_connection": "proxy",
    "passage": "interceptor",
    "relay": "interceptor",
    "relay_ends": "interceptor",
    "relay_parts": "interceptor",
    "relay_talk": "interceptor",
}
SEES_OPENSSL = {"ossl", "pki", "rotation", "pin", "oracle", "tls", "tls_client"}
SEES_SOCKETS = {"net"}
SOCKET_HEADERS = (
    "boost/asio/ip",
    "boost/asio/io_context",
    "sys/socket",
    "netinet/",
    "arpa/",
    "netdb",
    "poll.h",
)


def includes(path: Path) -> set[str]:
    return set(INCLUDE.findall(path.read_text()))


def ours(path: Path) -> set[str]:
    """Our headers that it includes, without those of its own unit."""
    found = {name for name in includes(path) if name.startswith("pindrill/") or "/" not in name}
    names = {Path(name).stem for name in found if name.endswith(".h")}
    return {name for name in names if (name in HEADERS or name in PART_OF) and unit(name) != unit(path.stem)}


def unit(stem: str) -> str:
    return PART_OF.get(stem, stem)


def reachable(name: str) -> set[str]:
    direct = HEADERS[name]
    return direct.union(*(reachable(each) for each in direct))


SOURCES = sorted([*ROOT.glob("harness/include/pindrill/*.h"), *ROOT.glob("harness/src/*")])
SOURCE_IDS = [str(path.relative_to(ROOT / "harness")) for path in SOURCES]


def test_the_sources_are_here() -> None:
    stems = {unit(path.stem) for path in SOURCES}
    assert set(HEADERS) <= stems


@pytest.mark.parametrize("path", SOURCES, ids=SOURCE_IDS)
def test_every_source_belongs_to_a_known_unit(path: Path) -> None:
    assert unit(path.stem) in HEADERS, "say in HEADERS or PART_OF where it stands"


@pytest.mark.parametrize("path", SOURCES, ids=SOURCE_IDS)
def test_a_source_includes_only_what_its_arrow_points_at(path: Path) -> None:
    mine = unit(path.stem)
    wrong = {unit(name) for name in ours(path)} - reachable(mine)
    assert not wrong


@pytest.mark.parametrize("path", SOURCES, ids=SOURCE_IDS)
def test_openssl_stays_where_certificates_are(path: Path) -> None:
    if any(name.startswith("openssl/") for name in includes(path)):
        assert unit(path.stem) in SEES_OPENSSL


@pytest.mark.parametrize("path", SOURCES, ids=SOURCE_IDS)
def test_sockets_stay_in_net(path: Path) -> None:
    if any(name.startswith(SOCKET_HEADERS) for name in includes(path)):
        assert unit(path.stem) in SEES_SOCKETS


def test_engines_and_relays_touch_no_socket_and_no_timer() -> None:
    """Octets in, octets or actions out: `passage` and `server` hold the streams."""
    for path in SOURCES:
        if path.stem.partition("_")[0] in ("tls", "witness", "relay", "opening", "http", "http2"):
            assert not re.findall(r"\b(?:Stream|StreamHandler|Timer|Loop|Listener)\b[&*> ]", path.read_text()), path


@pytest.mark.parametrize("path", SOURCES, ids=SOURCE_IDS)
def test_the_core_never_sees_python(path: Path) -> None:
    assert not [name for name in includes(path) if "pybind11" in name or name == "Python.h"]


def test_only_ossl_reads_the_error_queue() -> None:
    readers = {unit(path.stem) for path in SOURCES if re.search(r"\bERR_(get|peek)_", path.read_text())}
    assert readers == {"ossl"}


def test_the_bindings_include_headers_of_the_harness_only() -> None:
    for path in sorted(ROOT.glob("pybind/*.cpp")):
        for name in includes(path):
            assert name.startswith(("pindrill/", "pybind11/")) or name == "bind.h" or "/" not in name, path


# --- Python -----------------------------------------------------------------------------------------------

PACKAGE = {
    "pindrill": ROOT / "pybind" / "pindrill",
    "pindrill.scenarios": ROOT / "scenarios",
    "pindrill.reports": ROOT / "reports",
}
MAY_IMPORT: dict[str, set[str]] = {
    "adapter": set(),
    "model": {"adapter"},
    "interruption": set(),
    "extras": set(),
    "shipped": set(),
    "dates": {"_core"},
    "classify": {"model"},
    "judge": {"classify", "model"},
    "http_response": {"model"},
    "machine": {"clients", "interruption", "model"},
    "clients": {"http_response", "interruption", "model", "toml_file"},
    "key_cache": {"_core", "machine"},
    "keyring": {"_core", "dates", "key_cache", "machine", "model"},
    "mint": {"_core", "dates", "keyring", "model"},
    "pem": {"keyring", "mint", "model"},
    "pinfiles": {"_core", "keyring", "model", "pem"},
    "preflight": {"_core", "keyring", "model", "pem", "pinfiles", "reports", "toml_file"},
    "scenarios": {"model"},
    "reports": {"model", "results"},
    "results": {"clients", "judge", "machine", "model", "scenarios"},
    "audits": {
        "_core",
        "classify",
        "clients",
        "dates",
        "interruption",
        "keyring",
        "machine",
        "model",
        "reports",
        "results",
    },
    "mitm": {"_core", "audits", "classify", "clients", "interruption", "machine", "model", "reports", "results"},
    "station": {"audits", "interruption", "machine", "model", "reports", "results"},
    "drills": {
        "_core",
        "classify",
        "clients",
        "dates",
        "http_response",
        "interruption",
        "judge",
        "keyring",
        "machine",
        "mint",
        "mitm",
        "model",
        "reports",
        "results",
        "scenarios",
    },
    "rehearsal": {"_core", "drills", "judge", "keyring", "mint", "model", "pinfiles", "preflight", "reports"},
    "gate": {
        "clients",
        "drills",
        "keyring",
        "machine",
        "model",
        "pinfiles",
        "preflight",
        "reports",
        "results",
        "shipped",
        "toml_file",
    },
    "failures": {"extras", "keyring", "model", "reports"},
    "cli": {
        "audits",
        "clients",
        "drills",
        "extras",
        "failures",
        "gate",
        "interruption",
        "kept_pins",
        "keyring",
        "machine",
        "mint",
        "mitm",
        "model",
        "pem",
        "pinfiles",
        "preflight",
        "rehearsal",
        "reports",
        "results",
        "scenarios",
        "shipped",
        "station",
    },
    "pytest_plugin": {"clients", "drills", "interruption", "machine", "model", "reports", "results", "scenarios"},
    "__init__": {"drills", "model"},
    "__main__": {"cli"},
    "again": {"__main__"},
    "toml_file": {"model"},
    "kept_pins": {"keyring", "mint", "model"},
}


def modules() -> dict[str, Path]:
    found = {"pindrill.adapter": ROOT / "fixtures" / "clients" / "adapter.py"}  # put into the package by the build
    for package, folder in PACKAGE.items():
        for path in folder.rglob("*.py"):
            dotted = ".".join((package, *path.relative_to(folder).with_suffix("").parts))
            found[dotted.removesuffix(".__init__")] = path
    return found


def part(dotted: str) -> str:
    """`pindrill.drills.bench` -> `runner`."""
    pieces = dotted.split(".")
    return pieces[1] if len(pieces) > 1 else "__init__"


def imports_of(dotted: str, path: Path) -> set[str]:
    """The modules of pindrill that a module imports."""
    package = dotted if path.name == "__init__.py" else dotted.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "pindrill"}
        elif isinstance(node, ast.ImportFrom):
            base = package if node.level else node.module or ""
            base = f"{base}.{node.module}" if node.level and node.module else base
            if base == "pindrill":
                found |= {f"pindrill.{alias.name}" for alias in node.names}
            elif base.startswith("pindrill."):
                found.add(base)
    return found


def imports(dotted: str, path: Path) -> set[str]:
    """The parts of pindrill that a module imports."""
    return {part(name) for name in imports_of(dotted, path)}


MODULES = modules()


@pytest.mark.parametrize("dotted", MODULES)
def test_a_module_imports_only_what_its_arrow_points_at(dotted: str) -> None:
    mine = part(dotted)
    assert imports(dotted, MODULES[dotted]) - {mine} <= MAY_IMPORT[mine]


def test_no_allowance_is_stale_and_nothing_goes_in_circles() -> None:
    used: dict[str, set[str]] = {}
    for dotted, path in MODULES.items():
        used.setdefault(part(dotted), set()).update(imports(dotted, path) - {part(dotted)})
    assert used == MAY_IMPORT
    TopologicalSorter({mine: others - {"_core"} for mine, others in used.items()}).prepare()


PURE_OF_AUDITS = {
    *("bodies", "compare", "evidence", "facts", "frames", "presets", "readable", "rules"),
    *("schedule", "showing", "steps", "verdict", "words"),
}


def test_the_judge_and_the_reports_do_no_input_or_output() -> None:
    forbidden = {"os", "socket", "subprocess", "threading", "time", "tempfile", "shutil"}
    audit = {dotted for dotted in MODULES if dotted.removeprefix("pindrill.audits.") in PURE_OF_AUDITS}
    reports = (name for name in MODULES if name.startswith("pindrill.reports."))
    pure = {name for name in MODULES if part(name) in ("classify", "judge", "model")}
    for dotted in (*pure, *reports, *audit):
        for node in ast.walk(ast.parse(MODULES[dotted].read_text())):
            if isinstance(node, ast.Import):
                assert not {alias.name for alias in node.names} & forbidden, dotted
            if isinstance(node, ast.ImportFrom):
                assert node.module not in forbidden, dotted


def test_cli_is_words_and_printing_alone() -> None:
    """What grows here belongs into the room that does it."""
    lines = [path.read_text().count("\n") for dotted, path in MODULES.items() if part(dotted) == "cli"]
    assert sum(lines) < 1500


def test_a_public_name_means_one_thing() -> None:
    """docs/words.md says which. Two classes or aliases of one name are told apart by nobody."""
    places: dict[str, set[str]] = {}
    for dotted, path in MODULES.items():
        for node in ast.parse(path.read_text()).body:
            name = ""
            if isinstance(node, ast.ClassDef):
                name = node.name
            elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
            if name[:1].isupper() and not name.isupper():
                places.setdefault(name, set()).add(dotted)
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
