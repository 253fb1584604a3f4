"""In anybody's set-up: `pindrill mitm watch`, started beside it, judges as traffic comes, and says what to show.

mitmproxy shows its own certificates, as ever: the tester's CA. With `--set pindrill_controls=true` some connections
are passed through, and some are shown a self-signed certificate or the genuine ones beside mitmproxy's, as the audit's
schedule wants it: without such controls a refusal proves nothing, and nothing can be called pinned.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import subprocess
from itertools import count
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from mitmproxy import ctx, version
from mitmproxy.proxy.layers import TCPLayer

from .channel import Channel, Order
from .client_streams import watch_streams
from .engine import credential_engine, watch
from .hooks import CURRENT, Listens
from .reporter import Reporter

_PATIENCE_S = 30.0
_WAYS = {"regular": "proxy", "socks5": "socks", "reverse": "reverse"}
_OWN: Order = {"label": "trusted-ca"}
"""mitmproxy's certificate."""


class Alone(Listens):
    def __init__(self) -> None:
        self._numbers = count(1)
        self._reporters: dict[str, Reporter] = {}
        self._shown: dict[int, Order] = {}
        self._authority_told = False
        self._channel = Channel(_judge())

    def load(self, loader: Any) -> None:
        loader.add_option(
            "pindrill_controls",
            bool,
            False,
            "Pass some connections through, and show some a self-signed certificate, so that refusals can be judged.",
        )

    def start(self) -> None:
        self._channel.task(self._serve())
        if not ctx.options.pindrill_controls:
            _say(
                "pindrill: mitmproxy's certificates are shown to everybody, so it is seen what can be read; whether a "
                "refusal is pinning takes controls as well: --set pindrill_controls=true"
            )

    # --- a connection ----------------------------------------------------------------------------------------------

    def client_connected(self, client: Any) -> None:
        mode = getattr(getattr(client, "proxy_mode", None), "type_name", "")
        reporter = Reporter(self._channel, next(self._numbers), _WAYS.get(mode, "transparent"), client.peername[0])
        self._reporters[client.id] = reporter
        CURRENT.set(reporter)
        reporter.begin()
        watch_streams(client, reporter)

    def client_disconnected(self, client: Any) -> None:
        if reporter := self._reporters.pop(client.id, None):
            reporter.over()

    async def next_layer(self, nextlayer: Any) -> None:
        """A connection that mitmproxy ignores tells no other hook that it speaks TLS."""
        reporter = CURRENT.get()
        if reporter is None or reporter.decided or not isinstance(nextlayer.layer, TCPLayer):
            return
        answer = await self._ask("passing", reporter, nextlayer.data_client(), nextlayer.context)
        if answer and answer["greeted"]:
            reporter.host = answer["host"]
            reporter.decide("pass-through", passing=True)

    async def tls_clienthello(self, data: Any) -> None:
        reporter = CURRENT.get()
        if reporter is None or reporter.decided:
            return
        self._tell_authority()
        self._channel.tell("controls", on=ctx.options.pindrill_controls)
        body = data.client_hello.raw_bytes(wrap_in_record=False)
        answer = await self._ask("hello", reporter, body, data.context, standing=False) or _OWN
        reporter.host = answer.get("host", reporter.host)
        data.ignore_connection = bool(answer.get("passing"))
        reporter.decide(answer["label"], passing=data.ignore_connection)
        if "chain" in answer:
            self._shown[reporter.id] = answer

    def tls_start_client(self, data: Any) -> None:
        reporter = CURRENT.get()
        if reporter is None:
            return
        credential = self._shown.pop(reporter.id, None)
        if credential:
            data.ssl_conn = credential_engine(credential, data.context.server.alpn, reporter)
        if data.ssl_conn:
            watch(data.ssl_conn, reporter, alerts_from_errors=credential is None)

    def tls_established_server(self, data: Any) -> None:
        reporter = CURRENT.get()
        if reporter and data.conn.certificate_list:
            chain = [each.to_pem().decode() for each in data.conn.certificate_list]
            self._channel.tell("genuine", host=reporter.host, port=reporter.port, chain=chain)

    # --- the channel -----------------------------------------------------------------------------------------------

    async def _serve(self) -> None:
        await self._channel.serve(self._obey)
        _say("pindrill: no more verdicts: what judges has ended")

    async def _obey(self, order: Order) -> None:
        _say(order["text"])

    async def _ask(self, event: str, reporter: Reporter, data: bytes, context: Any, **values: Any) -> Order | None:
        if context.server.address and not reporter.port:
            reporter.host, reporter.port = context.server.address[:2]
        told = {"id": reporter.id, "host": reporter.host, "port": reporter.port}
        return await self._channel.ask(event, data, _PATIENCE_S, **told, **values)

    def _tell_authority(self) -> None:
        """Chains that clients of this mitmproxy trust are made with its CA."""
        if self._authority_told:
            return
        self._authority_told = True
        store = ctx.master.addons.get("tlsconfig").certstore
        key = store.default_privatekey.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self._channel.tell("authority", certificate=store.default_ca.to_pem().decode(), key=key.decode())


def _judge() -> socket.socket:
    """Our end of the socket to it. It has a session of its own: it ends when we do, not by the same Ctrl-C."""
    mine, theirs = socket.socketpair()
    environment = dict(os.environ)
    if before := environment.pop("LD_LIBRARY_PATH_ORIG", None):  # of mitmproxy's standalone programs
        environment["LD_LIBRARY_PATH"] = before
    with theirs:
        subprocess.Popen(
            [*_pindrill(), "mitm", "watch", "--channel", str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env=environment,
            start_new_session=True,
        )
    return mine


def _pindrill() -> list[str]:
    """The one that this file belongs to, else the one on PATH."""
    if python := os.environ.get("PINDRILL_PYTHON"):
        return [python, "-m", "pindrill"]
    for folder in Path(__file__).resolve().parents:
        if (folder / "bin" / "pindrill").is_file():
            return [str(folder / "bin" / "pindrill")]
    if on_path := shutil.which("pindrill"):
        return [on_path]
    raise FileNotFoundError("the command pindrill is not on PATH: start mitmproxy with `pindrill mitm watch`")


def _say(text: str) -> None:
    if int(version.VERSION.partition(".")[0]) >= 9:
        logging.getLogger("pindrill").warning(text)
    else:
        ctx.log.warn(text)
