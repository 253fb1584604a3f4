"""A small DNS server: chosen names are here, the rest is asked of the machine's own resolver."""

from __future__ import annotations

import errno
import ipaddress
import socket
import socketserver
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from dnslib import QTYPE, RCODE, RR, DNSError, DNSRecord, dns
from dnslib.server import DNSHandler, DNSLogger, DNSServer

from pindrill.audits.asked import read_address
from pindrill.audits.audit import Entry
from pindrill.interruption import Started
from pindrill.machine.served import ConnectionBudget, ServedClients
from pindrill.model import UsageError

_TTL_S = 5
_TIMEOUT_S = 5.0
_LARGEST = 65535
_CONNECTION_S = 10.0
"""For a question over TCP and its answer."""
_MOST, _MOST_OF_ONE = 64, 32
_NO_ROOM_S = 0.1
_ATTEMPTS = 20


class DnsAnswerer:
    """Over UDP and TCP on one port. Of a chosen name there are addresses of one family, and nothing else."""

    def __init__(
        self,
        address: str,
        port: int,
        *,
        names: Iterable[str],
        target: str,
        clients: Iterable[str] = ("127.0.0.0/8", "::1/128"),
        resolver: tuple[str, int] | None = None,
    ) -> None:
        self.address = address
        self._names = frozenset(name.lower().rstrip(".") for name in names)
        self._target = ipaddress.ip_address(target)
        self._clients = ServedClients(clients)
        self._resolver = resolver or _machine_resolver()
        with Started() as started:
            servers = started.start(lambda: self._on_one_port(address, port), _close_sockets)
            self.port: int = servers[0].server.server_address[1]
            for server in servers:
                started.start(partial(_answering, server), _stop_answering)
            self._started = started.pop_all()

    def close(self) -> None:
        self._started.close()

    def reply(self, data: bytes, client: str, *, tcp: bool) -> bytes:
        """DNSError for what is no question of somebody who is served."""
        if client not in self._clients:
            raise DNSError(f"{client} is not served")
        request = DNSRecord.parse(data)
        if str(request.q.qname).lower().rstrip(".") not in self._names:
            try:
                return self._ask(data, tcp=tcp)
            except OSError:
                failed = request.reply()
                failed.header.rcode = RCODE.SERVFAIL
                return bytes(failed.pack())
        answer = request.reply()
        v4 = self._target.version == 4
        if request.q.qtype == (QTYPE.A if v4 else QTYPE.AAAA):
            found = (dns.A if v4 else dns.AAAA)(str(self._target))
            answer.add_answer(RR(request.q.qname, request.q.qtype, rdata=found, ttl=_TTL_S))
        return bytes(answer.pack())

    def _ask(self, data: bytes, *, tcp: bool) -> bytes:
        """The question as it came, and the answer as it came."""
        if not tcp:
            family = socket.AF_INET6 if ":" in self._resolver[0] else socket.AF_INET
            with socket.socket(family, socket.SOCK_DGRAM) as asking:
                asking.settimeout(_TIMEOUT_S)
                asking.connect(self._resolver)
                asking.send(data)
                return asking.recv(_LARGEST)
        end = time.monotonic() + _TIMEOUT_S
        with socket.create_connection(self._resolver, timeout=_TIMEOUT_S) as asking:
            asking.sendall(len(data).to_bytes(2) + data)
            return _message(asking, end)

    def _on_one_port(self, address: str, port: int) -> tuple[DNSServer, DNSServer]:
        """A port that the system chose for UDP may be taken for TCP: then it chooses again."""
        attempts = 1 if port else _ATTEMPTS
        while True:
            attempts -= 1
            try:
                udp = self._server(address, port, tcp=False)
                try:
                    return udp, self._server(address, udp.server.server_address[1], tcp=True)
                except OSError:
                    udp.server.server_close()
                    raise
            except OSError as error:
                if error.errno != errno.EADDRINUSE or not attempts:
                    raise UsageError(f"--dns: cannot listen on {address} port {port}: {error.strerror}") from error

    def _server(self, address: str, port: int, *, tcp: bool) -> DNSServer:
        answerer = self

        class Handler(_Handler):
            def get_reply(self, data: bytes) -> bytes:
                return answerer.reply(data, self.client_address[0], tcp=tcp)

        server = _Tcp if tcp else _Udp
        made = DNSServer(None, address, port, logger=DNSLogger("-all"), handler=Handler, tcp=tcp, server=server)
        made.server.served = self._clients
        return made


class _Handler(DNSHandler):  # type: ignore[misc]
    def handle(self) -> None:
        if isinstance(self.request, socket.socket):
            self._over_tcp(self.request)
        else:
            super().handle()  # a datagram, and the socket for the answer

    def _over_tcp(self, connection: socket.socket) -> None:
        end = time.monotonic() + _CONNECTION_S
        with suppress(OSError, DNSError):
            reply = self.get_reply(_message(connection, end))
            connection.settimeout(max(0.001, end - time.monotonic()))
            connection.sendall(len(reply).to_bytes(2) + reply)


def _message(connection: socket.socket, end: float) -> bytes:
    """One message with its length before it (RFC 1035 section 4.2.2). OSError when it is not whole in time."""
    return _exactly(connection, int.from_bytes(_exactly(connection, 2, end)), end)


def _exactly(connection: socket.socket, size: int, end: float) -> bytes:
    data = b""
    while len(data) < size:
        connection.settimeout(max(0.001, end - time.monotonic()))
        chunk = connection.recv(size - len(data))
        if not chunk:
            raise ConnectionError("the message is not whole")
        data += chunk
    return data


def _answering(server: DNSServer) -> DNSServer:
    threading.Thread(target=server.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server


def _stop_answering(server: DNSServer) -> None:
    """Only for one that answers: it would be waited for."""
    server.server.shutdown()


def _close_sockets(servers: tuple[DNSServer, DNSServer]) -> None:
    for server in servers:
        server.server.server_close()


class _Quiet(socketserver.ThreadingMixIn):
    """A thread for each question, within a budget. Who is not served costs none."""

    daemon_threads = True
    allow_reuse_address = True
    served = ServedClients(())

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._budget = ConnectionBudget(most=_MOST, most_of_one=_MOST_OF_ONE)
        super().__init__(*arguments, **options)

    def get_request(self) -> Any:
        try:
            return super().get_request()  # type: ignore[misc]
        except OSError:
            time.sleep(_NO_ROOM_S)  # the queue stays readable: to ask again at once would be all we do
            raise

    def verify_request(self, request: Any, client_address: Any) -> bool:
        return client_address[0] in self.served

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._budget.take(client_address[0]):
            self.shutdown_request(request)  # type: ignore[attr-defined]
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread can be started
            self._budget.give_back(client_address[0])
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._budget.give_back(client_address[0])

    def handle_error(self, request: object, client_address: object) -> None:
        """What a peer sends is no error of ours."""


class _Udp(_Quiet, socketserver.UDPServer):
    pass


class _Tcp(_Quiet, socketserver.TCPServer):
    request_queue_size = 128


def _machine_resolver() -> tuple[str, int]:
    try:
        for line in Path("/etc/resolv.conf").read_text().splitlines():
            words = line.split()
            if words[:1] == ["nameserver"] and len(words) > 1:
                return words[1], 53
    except OSError:
        pass
    return "127.0.0.1", 53


def open_answerer(text: str, names: Sequence[str], entry: Entry, clients: Sequence[str]) -> DnsAnswerer:
    """As `--dns` says it; the names are where the entry is."""
    if not names:
        raise UsageError("--dns needs the names that it is to answer with our address: --host NAME")
    address, port = read_address(text, "--dns")
    return DnsAnswerer(address, port, names=names, target=entry.address, clients=clients)
