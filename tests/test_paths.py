"""A path is relative to the directory where it was typed, in a file to the folder of that file; commands as well."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from pindrill.audits.app import Command, InterceptorPlace
from pindrill.audits.asked import read_apps
from pindrill.clients.client_file import read_client_file
from pindrill.clients.process import resolved_program
from pindrill.model import UsageError
from support.cli import Pindrill
from support.targets import target

CLIENT = '#!/bin/sh\ntest -r "$1" || exit 126\nexec curl -sS --cacert "$2" --pinnedpubkey "$3" "$4"\n'
"""Needs a file of its own, which is named by a relative path too."""
WORDS = ("settings", "{ca_file}", "{pins_curl}", "{url}")
ONE_CELL = '[drill]\nonly = ["IN5"]\ntls = ["1.3"]\n'


def a_project(home: Path) -> Path:
    """A folder `app`, with a program beside it, in it, below it, behind a link, and in a folder of PATH."""
    app = home / "app"
    for program in ("bin/fetch", "app/fetch", "app/bin/fetch", "app/with space/fetch", "path/fetch-on-path"):
        path = home / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(CLIENT)
        path.chmod(0o755)
    (app / "link").symlink_to("bin/fetch")
    (app / "settings").touch()
    return app


PROGRAMS = ["./fetch", "../bin/fetch", "bin/fetch", "./with space/fetch", "./link", "fetch-on-path"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_init_was_given_runs_in_a_gate_wherever_that_is_started(pindrill: Pindrill, program: str) -> None:
    app = a_project(pindrill.directory)
    pindrill.environment["PATH"] = f"{pindrill.directory}/path:{pindrill.environment['PATH']}"
    elsewhere, pindrill.directory = pindrill.directory, app
    assert pindrill.call("init", "--", program, *WORDS).code == 0
    path = app / "pindrill.toml"
    path.write_text(path.read_text().replace('[drill]\nset = "core"\n', ONE_CELL))
    assert (ran := pindrill.run("gate")).code == 0, ran.out + ran.err
    pindrill.directory = elsewhere
    ran = pindrill.run("gate", "--config", "app/pindrill.toml", "--json", str(pindrill.json))
    assert ran.code == 0, ran.out + ran.err
    repeat = shlex.split(ran.results[0]["repeat"])
    assert repeat[-5:] == [program, *WORDS]
    ran = pindrill.run(*repeat[1:])
    assert ran.code == 0, ran.out + ran.err


def test_an_adapter_is_found_from_its_client_file(tmp_path: Path, home: Path) -> None:
    text = (Path(__file__).parent / "support" / "adapter.py").read_text()
    (tmp_path / "its-adapter.py").write_text(text)
    (tmp_path / "client.toml").write_text('name = "a"\ndriver = "adapter"\ncommand = ["{python}", "its-adapter.py"]\n')
    driver = read_client_file(tmp_path).make_driver(home)
    try:
        assert driver.session(home).attempt(target(path="/refuse")).detail == "pin mismatch"
    finally:
        driver.close()


def test_a_client_file_is_where_its_commands_start_from(pindrill: Pindrill) -> None:
    """Also through a link to its folder."""
    app = a_project(pindrill.directory)
    (pindrill.directory / "linked").symlink_to("app")
    (app / "client.toml").write_text(
        f'name = "a"\ndriver = "command"\ncommand = {json.dumps(["./fetch", *WORDS])}\n'
        'version = ["./bin/../with space/version", "settings"]\n'
    )
    version = app / "with space" / "version"
    version.write_text('#!/bin/sh\ntest -r "$1" && echo "a 1.0"\n')
    version.chmod(0o755)
    for file in ("app/client.toml", "linked/client.toml", "app"):
        ran = pindrill.run("drill", "--only", "IN5", "--tls", "1.3", "--json", str(pindrill.json), "--client", file)
        assert ran.code == 0, ran.out + ran.err
        assert ran.results[-1]["client_version"] == "a 1.0"


def test_a_program_that_is_missing_is_told_with_its_folder(tmp_path: Path) -> None:
    (tmp_path / "client.toml").write_text('name = "x"\ndriver = "command"\ncommand = ["./none"]\n')
    with pytest.raises(UsageError, match=rf"client not found: \./none \(no such file in {tmp_path}\)"):
        read_client_file(tmp_path / "client.toml").make_driver(tmp_path)


def test_a_relative_folder_of_path_is_that_of_the_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "path")
    assert resolved_program("fetch-on-path", tmp_path / "app") == f"{tmp_path}/path/fetch-on-path"


def test_the_apps_of_a_file_run_in_its_folder(tmp_path: Path) -> None:
    app = a_project(tmp_path)
    (app / "show").write_text('#!/bin/sh\ncat "$1"\n')
    (app / "show").chmod(0o755)
    (app / "settings").write_text("its settings")
    (app / "apps.txt").write_text("one ./show settings\n")
    [found] = read_apps([], None, app / "apps.txt")
    place = InterceptorPlace(proxy="", scheme="http", ca_file="")
    assert "its settings" in Command(found.command, {}, 10, found.folder).start(place, tmp_path).output


def test_directory_is_for_a_command(pindrill: Pindrill) -> None:
    app = a_project(pindrill.directory)
    (app / "client.toml").write_text('name = "x"\ndriver = "command"\ncommand = ["true"]\n')
    for words, message in (
        (("--client", "app/client.toml"), "--directory is for the command behind `--`"),
        (("--", "true"), "--directory: fetch is no folder"),
    ):
        ran = pindrill.call("drill", "--directory", "app" if words[0] == "--client" else "fetch", *words)
        assert ran.code == 2
        assert message in ran.err
