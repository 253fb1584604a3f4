"""The pytest plugin: a client function becomes a test per cell; assertions and a live server for all else.

Loaded into every pytest run of an environment that has pindrill, so the rest of it is imported when a test first asks.
"""

from __future__ import annotations

import unittest
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from pindrill.pytest_plugin import options
from pindrill.pytest_plugin.collector import Collector

if TYPE_CHECKING:
    from pindrill.clients.callable import ClientFunction
    from pindrill.drills.live import LiveServer
    from pindrill.model import Scenario, Target
    from pindrill.pytest_plugin.session import PluginSession

__all__ = ["assert_fails_closed", "assert_survives", "run"]

_MARK = (
    "pindrill(scenarios, strategies, tls, semantics, pinned, known): the test function is a client, `target` says "
    "where to connect; becomes a test per cell"
)


def assert_fails_closed(
    client: ClientFunction, *, scenarios: str | Scenario | Sequence[str | Scenario] = "interception/*", **asked: Any
) -> None:
    """The client (`client(target)`, plain or async) gives nothing to servers that it must refuse.

    Also takes `strategies`, `tls`, `semantics` and `pinned`, as the mark does.
    """
    _active().assert_fails_closed(client, scenarios=scenarios, **asked)


def assert_survives(client: ClientFunction, rotation: str | Scenario | Sequence[str | Scenario], **asked: Any) -> None:
    """The client accepts all that the rotation (`RO6`, `rotation/ca-switch`, a scenario of your own) leads to.

    Also takes `strategies`, `tls`, `semantics` and `pinned`, as the mark does.
    """
    _active().assert_survives(client, scenarios=rotation, **asked)


def run(command: Sequence[str], target: Target, *, env: Mapping[str, str] | None = None) -> str:
    """Runs a client program for this target, as `pindrill drill -- COMMAND` does, and returns what it printed.

    The command may hold placeholders (`{url}`, `{ca_file}`, `{pins_curl}` …), and the host name resolves for it.
    What is not an acceptance is raised, a refusal told apart from a crash.
    """
    from pindrill.drills.programs import run as run_program  # noqa: PLC0415

    return run_program(command, target, env=env)


# --- fixtures --------------------------------------------------------------------------------------------------


@pytest.fixture
def target(request: pytest.FixtureRequest) -> Target | None:
    """Where to connect, whom to trust, what to pin. Under the mark a cell's, else of the genuine live server."""
    if hasattr(request, "param"):
        return None  # the function is called with a target for each attempt of its cell
    found: Target = request.getfixturevalue("pindrill_server").target()
    return found


@pytest.fixture
def pindrill_server(pytestconfig: pytest.Config) -> Iterator[LiveServer]:
    """A live server to point any client at; its names resolve in this process meanwhile."""
    from pindrill.pytest_plugin.session import live_server  # noqa: PLC0415

    with live_server(_session(pytestconfig)) as server:
        yield server


# --- hooks -----------------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add(parser)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _MARK)
    options.check(config)
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Collector(options.path_option(config, "json")), "pindrill-collector")


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, object, object]:
    """A worker of xdist may be ended once its session is finished."""
    result = yield
    mine = session.config.stash.get(_SESSION, None)
    if mine is not None:
        mine.close()
    return result


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    mark = metafunc.definition.get_closest_marker("pindrill")
    if mark is None:
        return
    from pindrill.pytest_plugin.session import cells_of_mark  # noqa: PLC0415

    if "target" not in metafunc.fixturenames:
        pytest.fail(
            f"{metafunc.definition.nodeid}: a test with the mark pindrill is a client; give it a parameter `target`",
            pytrace=False,
        )
    cells = cells_of_mark(mark, metafunc.definition.nodeid, options.option(metafunc.config, "set"))
    metafunc.parametrize("target", cells, indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if issubclass(getattr(item, "cls", None) or object, unittest.TestCase) and item.get_closest_marker("pindrill"):
            raise pytest.UsageError(
                f"{item.nodeid}: a method of a unittest.TestCase takes no parameters, so the mark pindrill cannot make "
                "a test per cell of it; call assert_fails_closed(client) or assert_survives(client, rotation) in it"
            )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    _configs.append(item.config)
    item.config.stash[_ITEM] = item
    try:
        return (yield)
    finally:
        _configs.remove(item.config)
        item.config.stash[_ITEM] = None


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """The function is exchanged for one that runs its cell; pytest or an async plugin calls that."""
    if pyfuncitem.get_closest_marker("pindrill") is None:
        return (yield)
    from pindrill.pytest_plugin.session import cell_test  # noqa: PLC0415

    original = pyfuncitem.obj
    pyfuncitem.obj = cell_test(_session(pyfuncitem.config), pyfuncitem)
    try:
        return (yield)
    finally:
        pyfuncitem.obj = original


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, None, None]:
    yield
    session = item.config.stash.get(_SESSION, None)
    if session is not None and nextitem is None:
        session.raise_for_late()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    session = item.config.stash.get(_SESSION, None)
    if session is not None and call.when == "call":
        session.add_to(report, item)
    return report


# --- the session of this process -------------------------------------------------------------------------------

_SESSION = pytest.StashKey["PluginSession"]()
_ITEM = pytest.StashKey[pytest.Item | None]()
_configs: list[pytest.Config] = []
"""Of the tests that are running, the innermost last: a test of a plugin may run pytest itself."""


def _session(config: pytest.Config) -> PluginSession:
    if _SESSION not in config.stash:
        from pindrill.pytest_plugin.session import open_session  # noqa: PLC0415

        config.stash[_SESSION] = open_session(config)
    session = config.stash[_SESSION]
    session.item = config.stash.get(_ITEM, None)
    return session


def _active() -> PluginSession:
    if not _configs:
        pytest.fail("pindrill's assertions are for tests that pytest runs", pytrace=False)
    return _session(_configs[-1])
