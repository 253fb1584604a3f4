"""The pytest plugin: clients in event loops, a live server, and names that resolve."""

from __future__ import annotations

import pytest
from support.plugin_project import apart, inside, project

pytest_plugins = ["pytester"]
__all__ = ["project"]


def test_an_async_client_runs_in_the_loop_of_its_fixtures(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import asyncio
        import pytest
        from client import fetch, pinned

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.fixture
        async def loop(anyio_backend):
            return asyncio.get_running_loop()

        @pytest.mark.anyio
        @pytest.mark.pindrill(scenarios=["IN5", "RO6"], tls="1.3", strategies="leaf-spki+backup")
        async def test_client(target, loop):
            assert asyncio.get_running_loop() is loop
            return await asyncio.to_thread(fetch, target)

        @pytest.mark.anyio
        @pytest.mark.pindrill(scenarios="IN5", tls="1.3", strategies="leaf-spki+backup")
        async def test_careless(target):
            return await asyncio.to_thread(fetch, target, lambda *_: True)
        """
    )
    result = apart(project)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["FAILED *test_careless*fail-open: IN5 *"])


LIVE = """
import subprocess
from dataclasses import replace
import pytest
from client import Refused, fetch
from pindrill.model import BACKUP, ROGUE
from pindrill.pytest_plugin import run

CURL = ["curl", "-sS", "--cacert", "{ca_file}", "--pinnedpubkey", "{pins_curl}", "{url}"]

def test_target(target):
    assert fetch(target).startswith("HTTP/1.1 200")
    assert run(CURL, target).startswith("pd7c")

def test_a_program_of_the_test_itself(target):
    resolve = f"{target.host}:{target.port}:{target.address}"
    done = subprocess.run(["curl", "-sS", "--resolve", resolve, "--cacert", target.trust_file, target.url])
    assert done.returncode == 0

def test_server(pindrill_server):
    assert pindrill_server.canary in fetch(pindrill_server.target())
    pindrill_server.serve(BACKUP)
    assert pindrill_server.canary in fetch(pindrill_server.target())
    pindrill_server.serve(ROGUE)
    with pytest.raises(Refused):
        fetch(pindrill_server.target())
    seen = pindrill_server.observations()
    assert [bool(each.data_bytes) for each in seen] == [True, True, False]
    assert [each.credential for each in seen] == ["1", "2", "3"]

def test_failing(pindrill_server):
    fetch(pindrill_server.target())
    assert False

def test_run_of_nothing(target):
    run([], target)

def test_run_of_another(target):
    run(CURL, replace(target, path="/other"))
"""


def test_a_live_server_to_point_any_client_at(project: pytest.Pytester) -> None:
    project.makepyfile(LIVE)
    result = apart(project)
    result.assert_outcomes(passed=3, failed=3)
    result.stdout.fnmatch_lines(
        [
            "*pindrill server*",
            "connection 1 sent * readable bytes, the request secret among it*",
            "*run: the command is empty*",
            "*run: this target is over*",
        ]
    )


def test_an_unpinned_client_takes_a_rogue_server(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        from client import fetch
        from pindrill.model import ROGUE

        def test_it(pindrill_server):
            pindrill_server.serve(ROGUE)
            fetch(pindrill_server.target(), check=lambda *_: True)
            assert not any(seen.data_bytes for seen in pindrill_server.observations())
        """
    )
    inside(project).assert_outcomes(failed=1)


def test_names_resolve_as_before_afterwards(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import socket

        before = socket.getaddrinfo

        def test_during(target):
            assert socket.gethostbyname_ex and socket.getaddrinfo(target.host, 1)[0][4][0] == target.address

        def test_after():
            assert socket.getaddrinfo is before
        """
    )
    inside(project).assert_outcomes(passed=2)
