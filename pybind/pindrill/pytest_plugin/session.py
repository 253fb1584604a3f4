"""What the hooks, fixtures and assertions of one pytest process do."""

from __future__ import annotations

import inspect
import itertools
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from msgspec.structs import replace

from pindrill import scenarios as catalogue
from pindrill.clients.callable import ClientFunction
from pindrill.drills.lab import Lab
from pindrill.drills.live import LiveServer
from pindrill.drills.selection import Selection, select
from pindrill.model import VIOLATIONS, UsageError
from pindrill.pytest_plugin import options, outcome
from pindrill.pytest_plugin.benches import KeptBenches
from pindrill.results.line import KnownReason, ResultLine, line_text

_ARGUMENTS = ("scenarios", "strategies", "tls", "semantics", "pinned", "known")
_PROPERTIES = ("verdict", "expected", "attribution", "reason", "repeat")


class PluginSession:
    """Remembers what the running test has drilled, for its report."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._benches = KeptBenches(lab)
        self.item: pytest.Item | None = None
        self.server: LiveServer | None = None
        self._lines: list[ResultLine] = []
        self._functions = itertools.count()

    def assert_fails_closed(self, client: ClientFunction, **asked: Any) -> None:
        outcome.raise_unless_closed(self._drill_function(client, select(**asked)))

    def assert_survives(self, client: ClientFunction, **asked: Any) -> None:
        outcome.raise_unless_survived(self._drill_function(client, select(**asked)))

    def drill_cell(self, client: ClientFunction, cell: Selection, item: pytest.Function) -> None:
        others = {name: value for name, value in item.callspec.indices.items() if name != "target"}
        parent = item.parent.nodeid if item.parent else ""
        lines = self._drill(client, cell, key=(parent, item.originalname, *sorted(others.items())))
        if not lines:
            pytest.skip("unsupported: the scenario needs a backup pin, and the client cannot be told one")
        [line] = lines
        if cell.known_reason is not None and line.verdict in VIOLATIONS:
            self._lines[-1] = replace(line, known=KnownReason(reason=cell.known_reason, source=""))
        outcome.raise_for_cell(line)

    def raise_for_late(self) -> None:
        if late := self._benches.look_again():
            raise outcome.Violated("leaked after the test was over: " + "\n".join(late), pytrace=False)

    def add_to(self, report: pytest.TestReport, item: pytest.Item) -> None:
        """Whole lines for the collector, the live server's facts for people."""
        lines, self._lines = self._lines, []
        if lines:
            # Plain values in an attribute travel from the workers of xdist.
            vars(report)["pindrill"] = {
                "lines": [line_text(line) for line in lines],
                "verdicts": [str(line.verdict) for line in lines],
                "unwatched": sorted(self._benches.unwatched),
            }
        if self.server is not None and report.failed and "pindrill_server" in getattr(item, "funcargs", {}):
            report.sections.append(("pindrill server", "\n".join(self.server.stories()) or "no connection"))

    def close(self) -> None:
        try:
            self._benches.close()
        finally:
            self.lab.close()

    def _drill_function(self, client: ClientFunction, wanted: Selection) -> list[ResultLine]:
        # A client of its own each time: the same function may have other variables around it later.
        return self._drill(client, wanted, key=(self._nodeid, next(self._functions)))

    def _drill(self, client: ClientFunction, wanted: Selection, key: tuple[object, ...]) -> list[ResultLine]:
        nodeid = self._nodeid
        lines = self._benches.drill(
            client, wanted, name=nodeid.partition("[")[0], key=key, repeat=shlex.join(["pytest", nodeid])
        )
        self._lines += lines
        if self.item:
            self.item.user_properties += _properties(lines)
        return lines

    @property
    def _nodeid(self) -> str:
        return self.item.nodeid if self.item else "pytest"


def open_session(config: pytest.Config) -> PluginSession:
    keyring = options.path_option(config, "keyring")
    try:
        lab = Lab(keyring=keyring, deadline_s=options.deadline(config))
    except UsageError as error:
        pytest.fail(f"--pindrill-keyring (ini: pindrill_keyring): {error}", pytrace=False)
    return PluginSession(lab)


@contextmanager
def live_server(session: PluginSession) -> Iterator[LiveServer]:
    with session.lab.server() as server:
        session.server = server
        try:
            yield server
        finally:
            session.server = None


def cells_of_mark(mark: pytest.Mark, nodeid: str, which: str) -> list[Any]:
    """Parameters with readable ids; a known failure is expected, and told when it no longer happens."""
    try:
        if mark.args:
            raise UsageError("the mark pindrill takes its arguments by name: scenarios=…, strategies=…, tls=…")
        cells = list(_read_mark(mark.kwargs, which=which).cells())
    except UsageError as error:
        pytest.fail(f"{nodeid}: {error}", pytrace=False)
    return [pytest.param(cell, id=cell.id, marks=_known_mark(cell)) for cell in cells]


def _read_mark(arguments: Mapping[str, Any], *, which: str) -> Selection:
    """UsageError says what is wrong with `@pytest.mark.pindrill(…)`; `which` is the set that is meant by default."""
    if unknown := sorted(arguments.keys() - set(_ARGUMENTS)):
        raise UsageError(f"the mark pindrill takes {', '.join(_ARGUMENTS)}, not '{unknown[0]}'")
    return select(**{"scenarios": catalogue.CORE if which == "core" else catalogue.CATALOGUE, **arguments})


def cell_test(session: PluginSession, item: pytest.Function) -> Callable[..., Any]:
    """A test function, plain or async as the client is, that runs the cell of this item."""
    cell = item.callspec.params["target"]
    assert isinstance(cell, Selection)
    function = item.obj

    def drill(call: Callable[..., object], arguments: dict[str, Any]) -> None:
        session.drill_cell(lambda target: call(**{**arguments, "target": target}), cell, item)

    def test(**arguments: Any) -> None:
        drill(function, arguments)

    async def async_test(**arguments: Any) -> None:
        # Fixtures of the test may belong to its loop, so the client runs there, while the drill waits in a thread.
        from anyio import to_thread  # noqa: PLC0415
        from anyio.from_thread import BlockingPortal  # noqa: PLC0415

        raised: list[BaseException] = []
        async with BlockingPortal() as portal:

            def call(**told: Any) -> object:
                return portal.call(lambda: function(**told))

            def drill_and_keep() -> None:
                try:
                    drill(call, arguments)
                except BaseException as error:
                    raised.append(error)  # a task group would wrap it

            await to_thread.run_sync(drill_and_keep)
            await portal.stop(cancel_remaining=True)
        if raised:
            raise raised[0]

    return async_test if inspect.iscoroutinefunction(function) else test


def _known_mark(cell: Selection) -> tuple[pytest.MarkDecorator, ...]:
    reason = cell.known_reason
    return () if reason is None else (pytest.mark.xfail(reason=reason, raises=outcome.Violated, strict=True),)


def _properties(lines: list[ResultLine]) -> list[tuple[str, object]]:
    if len(lines) == 1:
        return [(f"pindrill_{name}", str(getattr(lines[0], name))) for name in _PROPERTIES]
    return [
        ("pindrill_cell", f"{line.code} {line.strategy} TLS {line.tls}: {line.verdict}: {line.reason}")
        for line in lines
    ]
