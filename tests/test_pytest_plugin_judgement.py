"""The pytest plugin: what a test's outcome says, and what it refuses to say."""

from __future__ import annotations

import os

import pytest
from pindrill.keyring import Keyring
from pindrill.mint import Mint
from pindrill.model import STRATEGY, PinsOf
from support.plugin_project import ONE_CELL, apart, inside, project

pytest_plugins = ["pytester"]
__all__ = ["project"]


def client(body: str, written: str = 'scenarios="IN5", tls="1.3", strategies="leaf-spki"') -> str:
    """A test file whose client does this."""
    return f"""
import signal, sys, threading, time
import pytest
from client import Refused, fetch
from pindrill.pytest_plugin import run

@pytest.mark.pindrill({written})
def test_client(target):
    {body}
"""


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return fetch(target, early=True)", "leaked: IN5 *readable*"),
        ("return fetch(target, check=lambda *_: True)", "fail-open: IN5 *"),
        ("try: return fetch(target)\n    except Refused: return 'fine'", "false-success: IN5 *"),
    ],
)
def test_a_violation_fails_with_its_verdict(project: pytest.Pytester, body: str, message: str) -> None:
    project.makepyfile(client(body))
    result = inside(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([message])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise ValueError('a bug')", "not judged, so not a pass: error: IN5 *"),
        ("sys.exit(1)", "not judged, so not a pass: error: IN5 *"),
        ("pytest.fail('no')", "not judged, so not a pass: error: IN5 *"),
        ("raise Refused('always')", "not judged, so not a pass: inconclusive: IN5 *"),
        ("return run(['sh', '-c', 'kill -SEGV $$'], target)", "not judged, so not a pass: inconclusive: IN5 *"),
        ("return run(['false', '{url}'], target)", "not judged, so not a pass: inconclusive: IN5 *"),
    ],
)
def test_what_cannot_be_judged_is_no_pass(project: pytest.Pytester, body: str, message: str) -> None:
    project.makepyfile(client(body))
    result = inside(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([message])


def test_a_function_that_hangs_is_left_behind(project: pytest.Pytester) -> None:
    project.makepyfile(client("threading.Event().wait()"))
    result = apart(project, "--pindrill-deadline", "0.2")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*not judged, so not a pass: inconclusive: *"])


def test_a_client_that_skips_cannot_do_the_cell(project: pytest.Pytester) -> None:
    project.makepyfile(client('pytest.skip("takes one fingerprint")'))
    result = inside(project, "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*unsupported: *takes one fingerprint*"])


def test_a_strategy_that_the_client_skips_is_not_chosen(project: pytest.Pytester) -> None:
    one_pin = "if len(target['pins'][0]['values']) > 1: pytest.skip('one pin')\n    return fetch(target)"
    project.makepyfile(client(one_pin, 'scenarios=["IN5", "RO7"], tls="1.3"'))
    result = inside(project, "-rs")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["*the scenario needs a backup pin, and the client cannot be told one"])


UNCHECKED = "return fetch(target, check=lambda *_: True)"


def test_a_known_deviation_is_expected_to_fail(project: pytest.Pytester) -> None:
    known = 'scenarios=["IN5", "BL6"], tls="1.3", strategies="leaf-spki", known={"IN5": "issue 7"}'
    project.makepyfile(client(UNCHECKED, known))
    result = inside(project, "-rx", "--pindrill-json", "out.jsonl")
    result.assert_outcomes(xfailed=1, failed=1)
    result.stdout.fnmatch_lines(["XFAIL *IN5*issue 7*"])


def test_a_known_deviation_that_no_longer_happens_is_told(project: pytest.Pytester) -> None:
    project.makepyfile(ONE_CELL.replace('"leaf-spki"', '"leaf-spki", known={"IN5": "issue 7"}'))
    result = inside(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*XPASS(strict)*issue 7*"])


def test_a_known_deviation_excuses_no_broken_client(project: pytest.Pytester) -> None:
    known = 'scenarios="IN5", tls="1.3", strategies="leaf-spki", known={"IN5": "issue 7"}'
    project.makepyfile(client("raise ValueError", known))
    inside(project).assert_outcomes(failed=1)


def test_data_that_leaks_after_the_test_fails_the_run(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import threading
        import pytest
        from client import Refused, fetch

        over, threads = threading.Event(), []

        def retry(target):
            over.wait()
            fetch(target, check=lambda *_: True, via="address")

        @pytest.mark.pindrill(scenarios="IN5", tls="1.3", strategies="leaf-spki")
        def test_client(target):
            try:
                return fetch(target)
            except Refused:
                threads.append(threading.Thread(target=retry, args=(target,)))
                threads[-1].start()
                raise

        def test_later():
            over.set()
            for thread in threads:
                thread.join()
        """
    )
    result = apart(project)
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["leaked after the test was over: *IN5*"])


def test_a_test_that_is_run_again_runs_its_client_again(project: pytest.Pytester) -> None:
    project.makeconftest(
        """
        from _pytest.runner import runtestprotocol

        def pytest_runtest_protocol(item, nextitem):
            runtestprotocol(item, nextitem=nextitem)
        """
    )
    project.makepyfile(
        """
        import pytest
        from client import fetch, pinned

        calls = []

        @pytest.mark.pindrill(scenarios="RO1", tls="1.3", strategies="leaf-spki")
        def test_client(target):
            calls.append(target["path"])
            return fetch(target)

        def test_it_was_called_anew():
            assert len(set(calls)) == 4  # the cell and its genuine twin, both times
        """
    )
    inside(project).assert_outcomes(passed=4)


# --- assertions ------------------------------------------------------------------------------------------------


def asserting(*lines: str) -> str:
    body = "\n    ".join(lines)
    return f"""
import asyncio, unittest
from client import fetch
from pindrill.pytest_plugin import assert_fails_closed, assert_survives, run

def careless(target):
    return fetch(target, check=lambda *_: True)

async def later(target):
    return await asyncio.to_thread(fetch, target)

def strict(target):
    return fetch(target, check=lambda tls, target: target["pins"][0]["values"].pop(1) and pinned(tls, target))

def test_it():
    {body}
"""


@pytest.mark.parametrize("name", ["fetch", "later"])
def test_assertions_take_plain_and_async_clients(project: pytest.Pytester, name: str) -> None:
    project.makepyfile(
        asserting(f'assert_fails_closed({name}, scenarios=["IN5", "IN1"])', f'assert_survives({name}, "RO2")')
    )
    inside(project).assert_outcomes(passed=1)


def test_the_evidence_of_an_assertion_is_in_its_message(project: pytest.Pytester) -> None:
    project.makepyfile(asserting('assert_fails_closed(careless, scenarios=["IN5", "IN1"], tls="1.3")'))
    result = apart(project, "--junit-xml", "junit.xml")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*fail-open: IN5 *(1 of 2 cells)", "*Seen*readable bytes*"])
    text = (project.path / "junit.xml").read_text()
    assert 'name="pindrill_cell" value="IN5 leaf-spki+backup TLS 1.3: fail-open: ' in text
    assert 'name="pindrill_cell" value="IN1 leaf-spki+backup TLS 1.3: pass: ' in text


def test_an_outage_is_no_survival(project: pytest.Pytester) -> None:
    text = asserting('assert_survives(strict, "RO2", tls="1.2")').replace("import fetch", "import fetch, pinned")
    project.makepyfile(text.replace(".pop(1)", "[1:] and target['pins'][0]['values'].pop(1)"))
    result = inside(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*outage: RO2 *"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        # Without a backup pin a correct client refuses: that is a pass of the drill, but nothing survived.
        ('assert_survives(fetch, "RO6", strategies="leaf-spki")', "*there was nothing to survive"),
        ('assert_fails_closed(fetch, scenarios="RO1")', "*no cell was judged that the client must refuse"),
        ('assert_survives(lambda _: 1 / 0, "RO1")', "*not judged, so not a pass: error: RO1 *"),
    ],
)
def test_an_assertion_holds_for_something_that_was_judged(project: pytest.Pytester, call: str, message: str) -> None:
    project.makepyfile(asserting(call))
    result = inside(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([message])


def test_a_method_of_a_test_case_asserts(project: pytest.Pytester) -> None:
    project.makepyfile(
        asserting("pass")
        + """
class TestClient(unittest.TestCase):
    def setUp(self):
        self.fetch = fetch

    def test_closed(self):
        assert_fails_closed(self.fetch, scenarios="IN5", tls="1.3")

    def test_careless(self):
        assert_fails_closed(careless, scenarios="IN5", tls="1.3")
"""
    )
    result = inside(project)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*fail-open: IN5 *"])


def test_a_pinned_client_needs_its_keyring(project: pytest.Pytester) -> None:
    project.makepyfile(asserting('assert_fails_closed(fetch, pinned="leaf-spki")'))
    result = inside(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*pinned='leaf-spki' needs the keyring *--pindrill-keyring DIR*"])


@pytest.mark.parametrize(("checked", "passed"), [(True, 1), (False, 0)])
def test_a_client_with_compiled_in_pins_is_drilled_with_its_keyring(
    project: pytest.Pytester, checked: bool, passed: int
) -> None:
    keyring = Keyring.create(project.path / "keyring")
    values = list(Mint(keyring).pins(STRATEGY["leaf-spki+backup"], PinsOf()))
    project.makepyfile(
        f"""
        import pytest
        from client import fetch, pinned

        def compiled_in(tls, target):
            assert target["pins"] is None
            return not {checked} or pinned(tls, {{"pins": [{{"of": "spki", "values": {values!r}}}]}})

        @pytest.mark.pindrill(scenarios="IN5", tls="1.3", pinned="leaf-spki+backup")
        def test_client(target):
            return fetch(target, check=compiled_in)
        """
    )
    inside(project, "--pindrill-keyring", "keyring").assert_outcomes(passed=passed, failed=1 - passed)


def test_a_keyring_that_is_none(project: pytest.Pytester) -> None:
    project.makepyfile(asserting("assert_fails_closed(fetch)"))
    result = inside(project, "--pindrill-keyring", "nowhere")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*--pindrill-keyring (ini: pindrill_keyring): nowhere: no keyring here*"])


# --- async, live server, programs ------------------------------------------------------------------------------


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
import pytest
from client import Refused, fetch
from pindrill.model import BACKUP, ROGUE
from pindrill.pytest_plugin import run

CURL = ["curl", "-sS", "--cacert", "{ca_file}", "--pinnedpubkey", "{pins_curl}", "{url}"]

def test_target(target):
    assert fetch(target).startswith("HTTP/1.1 200")
    assert run(CURL, target).startswith("pd7c")

def test_a_program_of_the_test_itself(target):
    resolve = f"{target['host']}:{target['port']}:{target['address']}"
    done = subprocess.run(["curl", "-sS", "--resolve", resolve, "--cacert", target["trust_file"], target["url"]])
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
    run(CURL, {**target, "path": "/other"})
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
            assert socket.gethostbyname_ex and socket.getaddrinfo(target["host"], 1)[0][4][0] == target["address"]

        def test_after():
            assert socket.getaddrinfo is before
        """
    )
    inside(project).assert_outcomes(passed=2)


def test_the_home_of_a_program_is_kept_for_its_cell(project: pytest.Pytester) -> None:
    """RO22 has three stages: trust on first use would show."""
    script = "n=$(cat $HOME/n 2>/dev/null); echo $n. > $HOME/n; echo $HOME $n >> " + os.fspath(project.path / "homes")
    project.makepyfile(
        client(
            "return run(['sh', '-c', "
            + repr(script + '; exec curl -sS --cacert "$0" --pinnedpubkey "$1" "$2"')
            + ", '{ca_file}', '{pins_curl}', '{url}'], target)",
            'scenarios="RO22", tls="1.3", strategies="leaf-spki+backup"',
        )
    )
    inside(project).assert_outcomes(passed=1)
    homes: dict[str, list[int]] = {}
    for home, *earlier in map(str.split, (project.path / "homes").read_text().splitlines()):
        homes.setdefault(home, []).append(len(earlier))
    assert sorted(homes.values()) == [[0], [0, 1, 1]]  # the genuine twin has a home of its own
