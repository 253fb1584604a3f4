"""mitmproxy's hooks: each tells the facts of its connection something, or asks what becomes of it."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from time import monotonic_ns
from typing import Any, Protocol

from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import TCPLayer

from .engine import count_received, credential_engine, watch
from .facts import Facts
from .hello import begins_tls, read_client_hello

CURRENT: ContextVar[Facts | None] = ContextVar("pindrill_facts", default=None)
"""Of the connection whose task this is; the tasks that mitmproxy starts for it inherit it."""
_HANDSHAKE_RECORD = 22
_CONNECT = b"CONNECT "
_LONGEST_HOLD_S = 2.0
_ENOUGH_TO_FIND = 34
"""Of a ClientHello: version and random."""


class Answers(Protocol):
    """Whoever decides."""

    async def answer(self, facts: Facts) -> dict[str, Any] | None:
        """`{"label": …}` passes through, with `chain` and `key` they are shown; None ends the connection."""

    def upstream(self, facts: Facts) -> tuple[str, int] | None:
        """Where everything goes that comes in here, whatever it asks for."""

    def forbidden(self, address: str, port: int) -> str:
        """Why nobody is connected to there; empty when somebody may be."""

    def renamed(self, host: str) -> str:
        """The address that stands for this name, or the name itself."""


class Listens:
    """What every connection tells, whoever decides about it."""

    def tls_established_client(self, data: Any) -> None:
        if facts := CURRENT.get():
            facts.own_event = "tls_established_client"

    def tls_failed_client(self, data: Any) -> None:
        if facts := CURRENT.get():
            facts.own_event = f"tls_failed_client: {data.conn.error}"

    def http_connect(self, flow: Any) -> None:
        if facts := CURRENT.get():
            facts.host, facts.port = flow.request.host.lower().rstrip("."), flow.request.port

    def server_connected(self, data: Any) -> None:
        if facts := CURRENT.get():
            facts.upstream_connected = True
            facts.upstream_address = data.server.peername[0]

    def server_connect_error(self, data: Any) -> None:
        if facts := CURRENT.get():
            facts.upstream_failure = facts.upstream_failure or str(data.server.error)

    def server_disconnected(self, data: Any) -> None:
        if facts := CURRENT.get():
            facts.upstream_ended()

    def tls_failed_server(self, data: Any) -> None:
        if facts := CURRENT.get():
            facts.upstream_failure = str(data.conn.error)

    def tls_established_server(self, data: Any) -> None:
        if facts := CURRENT.get():
            count_received(data.ssl_conn, facts)

    def requestheaders(self, flow: Any) -> None:
        facts = CURRENT.get()
        if facts and facts.plaintext and not facts.host:
            facts.host, facts.port = flow.request.host.lower().rstrip("."), flow.request.port

    def request(self, flow: Any) -> None:
        if facts := CURRENT.get():
            facts.answering = ""

    async def responseheaders(self, flow: Any) -> None:
        if facts := CURRENT.get():
            await _hold(facts)
            facts.answering = "first"

    def response(self, flow: Any) -> None:
        if facts := CURRENT.get():
            facts.answering = "last"

    async def tcp_message(self, flow: Any) -> None:
        facts = CURRENT.get()
        if facts and not flow.messages[-1].from_client:
            await _hold(facts)
        self._message(flow, flow.messages)

    def websocket_message(self, flow: Any) -> None:
        self._message(flow, flow.websocket.messages)

    def _message(self, flow: Any, messages: Any) -> None:
        facts = CURRENT.get()
        if facts and not messages[-1].from_client:
            facts.answering = "last"


class Hooks(Listens):
    """Somebody else decides."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._shown: dict[int, dict[str, str]] = {}

    async def tls_clienthello(self, data: Any) -> None:
        facts = CURRENT.get()
        if facts is None or facts.decided:
            return
        body = data.client_hello.raw_bytes(wrap_in_record=False)
        facts.hello = read_client_hello(body)
        named = facts.hello["sni"].lower().rstrip(".")
        server = data.context.server
        if server.address and not facts.port:
            facts.host, facts.port = server.address[:2]
        facts.host = named or facts.host
        if facts.way == "direct":
            server.address = (facts.host, facts.port)
        server.sni = facts.host
        answer = await self._answers.answer(facts)
        if answer is None:
            facts.failure = facts.failure or "nothing was decided in time"
            facts.decide("")
            return
        credential = "chain" in answer
        facts.decide(answer["label"], passing=not credential, hello=body[:_ENOUGH_TO_FIND])
        if credential:
            self._shown[facts.id] = answer
            facts.hold_s = answer.get("hold_s", 0.0)
            # Our own interceptor does the same: what the client is agreed on depends on the upstream.
            data.establish_server_tls_first = True
        else:
            data.ignore_connection = True

    def tls_start_client(self, data: Any) -> None:
        facts = CURRENT.get()
        if facts is None:
            return
        data.ssl_conn = None  # whatever happens here, mitmproxy's own certificate must not be shown in place of ours
        credential = self._shown.pop(facts.id, None)
        if credential is None or facts.upstream_failure:
            return
        try:
            engine = credential_engine(credential, data.context.server.alpn, facts)
            watch(engine, facts)
        except Exception as error:
            facts.failure = f"mitmproxy's TLS engine does not take this credential: {error!r}"
            return
        data.ssl_conn = engine

    async def server_connect(self, data: Any) -> None:
        facts = CURRENT.get()
        if facts is None:
            return
        host, port = data.server.address[:2]
        if not facts.port:
            facts.host, facts.port = host, port
        data.server.sni = data.server.sni or facts.host
        if fixed := self._answers.upstream(facts):
            data.server.address = fixed
            return
        try:
            found = await asyncio.get_running_loop().getaddrinfo(self._answers.renamed(host), port)
        except OSError as error:
            data.server.error = facts.upstream_failure = f"{host} was not resolved: {error.strerror or error}"
            return
        addresses = dict.fromkeys(str(each[4][0]) for each in found)
        refusals = {address: self._answers.forbidden(address, port) for address in addresses}
        allowed = [address for address, refusal in refusals.items() if not refusal]
        if allowed:
            data.server.address = (allowed[0], port)
        else:
            data.server.error = facts.upstream_failure = next(iter(refusals.values()))

    def next_layer(self, nextlayer: Any) -> None:
        """Looks for clients that speak no TLS."""
        facts = CURRENT.get()
        data = nextlayer.data_client()
        if facts is None or facts.decided or not data or data[0] == _HANDSHAKE_RECORD:
            return
        tls = begins_tls(data)
        if tls is None:
            nextlayer.layer = None  # wait for more
            return
        if tls:
            facts.failure = "mitmproxy does not take a ClientHello in the format of SSL 2.0"
            facts.decide("")
            nextlayer.layer = _Closes(nextlayer.context)
            return
        if facts.way == "proxy" and not facts.host:
            if not data.startswith(_CONNECT[: len(data)]):
                facts.speaks_plaintext(data)  # a request in absolute form: mitmproxy forwards it
            return
        server = nextlayer.context.server
        if facts.way == "direct":
            host = _host_field(data)
            if host is None:
                nextlayer.layer = None  # wait for the whole head
                return
            facts.host = host
            server.address = (host, facts.port)
        facts.speaks_plaintext(data)
        nextlayer.layer = TCPLayer(nextlayer.context)

    def _message(self, flow: Any, messages: Any) -> None:
        super()._message(flow, messages)
        messages.clear()  # mitmproxy would keep them all


class _Closes(layer.Layer):  # type: ignore[misc]
    """Hands nothing on."""

    def _handle_event(self, event: Any) -> Any:
        if isinstance(event, events.Start):
            yield commands.CloseConnection(self.context.client)


async def _hold(facts: Facts) -> None:
    """A slow client is given longer: ten times what it took to finish the handshake."""
    if not facts.hold_s or not facts.first_data_at:
        return
    took = (facts.finished_at - facts.flight_sent_at) / 1e9
    wanted = min(max(facts.hold_s, 10 * took), _LONGEST_HOLD_S)
    facts.hold_s = 0.0
    await asyncio.sleep(max(0.0, wanted - (monotonic_ns() - facts.first_data_at) / 1e9))


def _host_field(head: bytes) -> str | None:
    """Of a plain request; None: its head is not whole yet, or it has none."""
    for line in head.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"host" and head.find(b"\r\n", head.find(line)) >= 0:
            host = value.strip().decode("ascii", "replace")
            return host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() and ":" in host else host
    return None
