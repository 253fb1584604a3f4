"""Client files: what they say, and what is said of those that cannot be used."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pindrill.clients.adapter import AdapterDriver
from pindrill.clients.client_file import read_client_file
from pindrill.clients.command import CommandDriver
from pindrill.model import RFC7469, Semantics, UsageError
from support.made_results import line

MINIMAL = 'name = "x"\ndriver = "command"\ncommand = ["true", "{url}"]\n'
KNOWN = '[[known]]\nscenarios = ["IN*"]\nverdict = "fail-open"\nreason = "because"\n'


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "client.toml"
    path.write_text(text)
    return path


def test_a_minimal_file(tmp_path: Path) -> None:
    read = read_client_file(written(tmp_path, MINIMAL))
    assert (read.name, read.title, read.version, read.semantics, read.known) == ("x", "x", "", RFC7469, ())
    assert isinstance(read.make_driver(tmp_path), CommandDriver)


def test_a_full_file(tmp_path: Path) -> None:
    text = MINIMAL.replace('command"', 'adapter"', 1) + (
        'title = "X"\nversion = ["echo", "X 2.0"]\n'
        '[semantics]\nposition = "leaf"\nmode = "replace"\nhost = false\n'
        '[respond]\nbody = "<{canary}>"\n[env]\nA = "b"\n' + KNOWN
    )
    read = read_client_file(written(tmp_path, text))
    assert (read.title, read.version) == ("X", "X 2.0")
    assert read.semantics == Semantics(position="leaf", mode="replace", host=False)
    assert read.respond.text("C").endswith("Content-Length: 3\r\nConnection: close\r\n\r\n<C>")
    assert isinstance(read.make_driver(tmp_path), AdapterDriver)
    assert read.environment == {"A": "b"}


def test_a_directory_stands_for_its_client_file_and_here_for_the_directory(tmp_path: Path) -> None:
    written(tmp_path, MINIMAL.replace("{url}", "{here}/x"))
    assert read_client_file(tmp_path).command == ("true", f"{tmp_path}/x")
    written(tmp_path, MINIMAL.replace("{url}", "{{here}} {{url}} {python}"))
    assert read_client_file(tmp_path).command == ("true", f"{{{{here}}}} {{{{url}}}} {sys.executable}")


@pytest.mark.parametrize(
    ("scenario", "code", "strategy", "tls", "covered"),
    [
        ("interception/x", "IN5", "leaf-spki", "1.3", True),
        ("interception/x", "IN5", "leaf-spki+backup", "1.2", False),
        ("baseline/x", "BL6", "leaf-spki", "1.3", False),
        ("hostname/x", "HN11", "leaf-spki", "1.3", True),
        ("interception/x", "IN5", "root-spki", "1.3", False),
    ],
)
def test_what_a_known_deviation_covers(
    tmp_path: Path, scenario: str, code: str, strategy: str, tls: str, covered: bool
) -> None:
    known = KNOWN.replace('"IN*"', '"interception/*", "HN11"') + 'strategies = ["leaf-*"]\ntls = ["1.3"]\n'
    [entry] = read_client_file(written(tmp_path, MINIMAL + known)).known
    assert entry.covers(line(scenario=scenario, code=code, strategy=strategy, tls=tls)) == covered


@pytest.mark.parametrize(
    ("proxy", "covered"), [({"through": "connect"}, True), ({"through": "socks"}, False), ({}, False)]
)
def test_a_deviation_behind_certain_proxies(tmp_path: Path, proxy: dict[str, str], covered: bool) -> None:
    known = KNOWN.replace("IN*", "IN5") + 'through = ["connect", "https"]\n'
    [entry] = read_client_file(written(tmp_path, MINIMAL + known)).known
    assert entry.covers(line(code="IN5", **proxy)) == covered


@pytest.mark.parametrize(("when", "count"), [("2\\\\.[0-9]", 1), ("^3", 0)])
def test_a_deviation_of_certain_versions(tmp_path: Path, when: str, count: int) -> None:
    text = MINIMAL + 'version = ["echo", "X 2.0"]\n' + KNOWN + f'when = "{when}"\n'
    assert len(read_client_file(written(tmp_path, text)).known) == count


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = ", "cannot read the client file"),
        ('name = "x"', "the key 'command' is missing"),
        (MINIMAL + 'colour = "red"\n', "unknown key 'colour'"),
        (MINIMAL.replace('"command"', '"telepathy"'), ':2: driver is \'telepathy\'; it is one of "command", "adapter"'),
        (MINIMAL + "[semantics]\ncolour = 1\n", ":5: unknown key 'colour'; known are: position, mode, host"),
        (MINIMAL + "[respond]\ncolour = 1\n", ":5: unknown key 'colour'; known are: status, content_type, body"),
        (MINIMAL + "[respond]\nstatus = 600\n", ":5: status is 600; write a number from 0 to 599"),
        (MINIMAL + "[env]\nA = 1\n", ":5: A is 1; write a text in quotes"),
        (MINIMAL + "known = 1\n", ":4: known is 1; write each as a table of its own, [[known]]"),
        (MINIMAL + '[[known]]\nscenarios = ["x"]\n', ":4: the key 'verdict' is missing"),
        (MINIMAL + KNOWN + KNOWN + "colour = 1\n", ":12: unknown key 'colour'"),
        *(
            (text, words)
            for text, words in (
                ('name = "x"\ndriver = "command"\ncommand = "curl {url}"\n', "command"),
                (MINIMAL + '[semantics]\nposition = "top"\n', "position"),
                (MINIMAL + '[semantics]\nhost = "off"\n', "host"),
                (MINIMAL + KNOWN.replace("fail-open", "fails-open"), "fails-open"),
                (MINIMAL + KNOWN + 'when = "("\n', "when"),
            )
        ),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_client_file(written(tmp_path, text))
    assert str(tmp_path / "client.toml") in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize("version", ['["sleep", "1000"]', "['printf', '\\377']"], ids=["hangs", "is no text"])
def test_a_version_that_cannot_be_had_is_no_bug_of_pindrill(
    tmp_path: Path, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pindrill.clients.client_file._VERSION_S", 0.2 if "sleep" in version else 60)
    with pytest.raises(UsageError, match="the version command does not say a version"):
        read_client_file(written(tmp_path, MINIMAL + f"version = {version}\n"))


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[1] / "fixtures" / "clients").glob("*/client.toml")))
def test_the_client_files_of_the_repository_are_read(path: Path) -> None:
    assert read_client_file(path).name == path.parent.name
