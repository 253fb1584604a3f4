"""The pytest plugin: what a test's outcome says, and what it refuses to say."""

from __future__ import annotations

import os

import pytest
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
    one_pin = "if len(target.pins[0].values) > 1: pytest.skip('one pin')\n    return fetch(target)"
    project.makepyfile(client(one_pin, 'scenarios=["IN5", "RO7"], tls="1.3"'))
    result = inside(project, "-rs")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["*the client cannot express the strategy leaf-spki+backup*"])


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
            calls.append(target.path)
            return fetch(target)

        def test_it_was_called_anew():
            assert len(set(calls)) == 4  # the cell and its genuine twin, both times
        """
    )
    inside(project).assert_outcomes(passed=4)


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
