"""mitmproxy's hooks: each tells the reporter of its connection something, or asks what becomes of it."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from time import monotonic_ns
from typing import Any, Protocol

from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import TCPLayer

from .engine import count_received, credential_engine, watch
from .reporter import Reporter

CURRENT: ContextVar[Reporter | None] = ContextVar("pindrill_reporter", default=None)
"""Of the connection whose task this is; the tasks that mitmproxy starts for it inherit it."""
_LONGEST_HOLD_S = 2.0


class Answers(Protocol):
    """Whoever decides."""

    async def answer(self, reporter: Reporter, hello: bytes) -> dict[str, Any] | None:
        """`hello`: the message without its header. The answer has the `host` that it names, or that was asked for, and
        a `label`: which is passed through, or shown with `chain` and `key`. None ends the connection."""

    async def beginning(self, reporter: Reporter, data: bytes) -> dict[str, Any]:
        """`kind`: `tls`, `ssl2`, `proxy` (words to a proxy), `plain`, or `unclear` as long as more is needed to tell;
        and the `host` that a plain request names where that says where it goes."""

    def upstream(self, reporter: Reporter) -> tuple[str, int] | None:
        """Where everything goes that comes in here, whatever it asks for."""

    def forbidden(self, address: str, port: int) -> str:
        """Why nobody is connected to there; empty when somebody may be."""

    def renamed(self, host: str) -> str:
        """The address that stands for this name, or the name itself."""


class Listens:
    """What every connection tells, whoever decides about it."""

    def tls_established_client(self, data: Any) -> None:
        if reporter := CURRENT.get():
            reporter.facts(own_event="tls_established_client")

    def tls_failed_client(self, data: Any) -> None:
        if reporter := CURRENT.get():
            reporter.facts(own_event=f"tls_failed_client: {data.conn.error}")

    def http_connect(self, flow: Any) -> None:
        if reporter := CURRENT.get():
            reporter.host, reporter.port = flow.request.host.lower().rstrip("."), flow.request.port

    def server_connected(self, data: Any) -> None:
        if reporter := CURRENT.get():
            reporter.facts(upstream_connected=True, upstream_address=data.server.peername[0])

    def server_connect_error(self, data: Any) -> None:
        if reporter := CURRENT.get():
            reporter.upstream_failed(reporter.upstream_failure or str(data.server.error))

    def server_disconnected(self, data: Any) -> None:
        if reporter := CURRENT.get():
            reporter.upstream_ended()

    def tls_failed_server(self, data: Any) -> None:
        if reporter := CURRENT.get():
            reporter.upstream_failed(str(data.conn.error))

    def tls_established_server(self, data: Any) -> None:
        if reporter := CURRENT.get():
            count_received(data.ssl_conn, reporter)

    def requestheaders(self, flow: Any) -> None:
        reporter = CURRENT.get()
        if reporter and reporter.plaintext and not reporter.host:
            reporter.host, reporter.port = flow.request.host.lower().rstrip("."), flow.request.port

    def request(self, flow: Any) -> None:
        if reporter := CURRENT.get():
            reporter.answering = ""

    async def responseheaders(self, flow: Any) -> None:
        if reporter := CURRENT.get():
            await _hold(reporter)
            reporter.answering = "first"

    def response(self, flow: Any) -> None:
        if reporter := CURRENT.get():
            reporter.answering = "last"

    async def tcp_message(self, flow: Any) -> None:
        reporter = CURRENT.get()
        if reporter and not flow.messages[-1].from_client:
            await _hold(reporter)
        self._message(flow, flow.messages)

    def websocket_message(self, flow: Any) -> None:
        self._message(flow, flow.websocket.messages)

    def _message(self, flow: Any, messages: Any) -> None:
        reporter = CURRENT.get()
        if reporter and not messages[-1].from_client:
            reporter.answering = "last"


class Hooks(Listens):
    """Somebody else decides."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._shown: dict[int, dict[str, str]] = {}

    async def tls_clienthello(self, data: Any) -> None:
        reporter = CURRENT.get()
        if reporter is None or reporter.decided:
            return
        server = data.context.server
        if server.address and not reporter.port:
            reporter.host, reporter.port = server.address[:2]
        answer = await self._answers.answer(reporter, data.client_hello.raw_bytes(wrap_in_record=False))
        if answer is None:
            reporter.failed("nothing was decided in time")
            reporter.decide("")
            return
        reporter.host = server.sni = answer["host"]
        if reporter.way == "direct":
            server.address = (reporter.host, reporter.port)
        credential = "chain" in answer
        reporter.decide(answer["label"], passing=not credential)
        if credential:
            self._shown[reporter.id] = answer
            reporter.hold_s = answer.get("hold_s", 0.0)
            # Our own interceptor does the same: what the client is agreed on depends on the upstream.
            data.establish_server_tls_first = True
        else:
            data.ignore_connection = True

    def tls_start_client(self, data: Any) -> None:
        reporter = CURRENT.get()
        if reporter is None:
            return
        data.ssl_conn = None  # whatever happens here, mitmproxy's own certificate must not be shown in place of ours
        credential = self._shown.pop(reporter.id, None)
        if credential is None or reporter.upstream_failure:
            return
        try:
            engine = credential_engine(credential, data.context.server.alpn, reporter)
            watch(engine, reporter)
        except Exception as error:
            reporter.failed(f"mitmproxy's TLS engine does not take this credential: {error!r}")
            return
        data.ssl_conn = engine

    async def server_connect(self, data: Any) -> None:
        reporter = CURRENT.get()
        if reporter is None:
            return None
        host, port = data.server.address[:2]
        if not reporter.port:
            reporter.host, reporter.port = host, port
        data.server.sni = data.server.sni or reporter.host
        if fixed := self._answers.upstream(reporter):
            data.server.address = fixed
            return None
        try:
            found = await asyncio.get_running_loop().getaddrinfo(self._answers.renamed(host), port)
        except OSError as error:
            return _not_connected(data, reporter, f"{host} was not resolved: {error.strerror or error}")
        addresses = dict.fromkeys(str(each[4][0]) for each in found)
        refusals = {address: self._answers.forbidden(address, port) for address in addresses}
        allowed = [address for address, refusal in refusals.items() if not refusal]
        if allowed:
            data.server.address = (allowed[0], port)
        else:
            _not_connected(data, reporter, next(iter(refusals.values())))
        return None

    async def next_layer(self, nextlayer: Any) -> None:
        """Looks for clients that speak no TLS."""
        reporter = CURRENT.get()
        data = nextlayer.data_client()
        if reporter is None or reporter.decided or not data:
            return
        begins = await self._answers.beginning(reporter, data)
        if begins["kind"] == "unclear":
            nextlayer.layer = None  # wait for more
        elif begins["kind"] == "ssl2":
            reporter.failed("mitmproxy does not take a ClientHello in the format of SSL 2.0")
            reporter.decide("")
            nextlayer.layer = _Closes(nextlayer.context)
        elif begins["kind"] == "plain":
            to_proxy = reporter.way == "proxy" and not reporter.host
            reporter.speaks_plaintext(data)
            if to_proxy:
                return  # a request in absolute form: mitmproxy forwards it
            if reporter.way == "direct":
                reporter.host = begins["host"]
                nextlayer.context.server.address = (reporter.host, reporter.port)
            nextlayer.layer = TCPLayer(nextlayer.context)

    def _message(self, flow: Any, messages: Any) -> None:
        super()._message(flow, messages)
        messages.clear()  # mitmproxy would keep them all


class _Closes(layer.Layer):  # type: ignore[misc]
    """Hands nothing on."""

    def _handle_event(self, event: Any) -> Any:
        if isinstance(event, events.Start):
            yield commands.CloseConnection(self.context.client)


def _not_connected(data: Any, reporter: Reporter, why: str) -> None:
    data.server.error = why
    reporter.upstream_failed(why)


async def _hold(reporter: Reporter) -> None:
    """A slow client is given longer: ten times what it took to finish the handshake."""
    if not reporter.hold_s or not reporter.first_data_at:
        return
    took = (reporter.finished_at - reporter.flight_sent_at) / 1e9
    wanted = min(max(reporter.hold_s, 10 * took), _LONGEST_HOLD_S)
    reporter.hold_s = 0.0
    await asyncio.sleep(max(0.0, wanted - (monotonic_ns() - reporter.first_data_at) / 1e9))
