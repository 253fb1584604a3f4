"""Real clients work through the interceptor, by every way in, passed through and intercepted."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import http.server
import json
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from support.interception import HOST, SUPPORT, Between, Mode, between, origin, pattern_hash
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

MIB = 1024 * 1024
MODES: list[Mode] = ["pass-through", "trusted-ca"]


@pytest.fixture(params=MODES)
def middle(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Between]:
    with between(tmp_path, request.param) as made:
        yield made


@pytest.fixture
def server(middle: Between) -> Iterator[int]:
    with origin(middle.genuine) as port:
        yield port


def reverse(middle: Between, port: int) -> int:
    return middle.interceptor.listen("reverse", "127.0.0.1", 0, (HOST, port))


def curl(middle: Between, url: str, *options: str, **more: Any) -> subprocess.CompletedProcess[str]:
    argv = ["curl", "-q", "-sS", "--max-time", "250", "--cacert", middle.trust, *options, url]
    return subprocess.run(argv, capture_output=True, text=True, check=False, **more)


@contextlib.contextmanager
def serving(server: http.server.HTTPServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


def ran(argv: Sequence[str]) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=250)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def good(contact: dict[str, Any], middle: Between) -> dict[str, Any]:
    assert contact["failure"] == ""
    assert contact["upstream_failure"] == ""
    assert contact["condition"] == middle.mode
    assert contact["host"] == HOST
    assert (contact["seen"]["data_bytes"] > 0) == (middle.mode == "trusted-ca")
    return contact


@pytest.mark.parametrize("protocol", ["http1.1", "http2"])
@pytest.mark.parametrize("way", ["proxy", "socks", "reverse"])
def test_curl(middle: Between, server: int, way: str, protocol: str) -> None:
    if way == "reverse":
        port = reverse(middle, server)
        options = ["--noproxy", "*", "--connect-to", f"::127.0.0.1:{port}"]
    else:
        port = middle.interceptor.listen(way, "127.0.0.1", 0)
        options = ["--noproxy", "", "--proxy", f"{'http' if way == 'proxy' else 'socks5h'}://127.0.0.1:{port}"]
    done = curl(middle, f"https://{HOST}:{server}/", f"--{protocol}", "-w", " %{http_version}", *options)
    assert done.stdout == f"canary {'2' if protocol == 'http2' else '1.1'}", done.stderr
    contact = good(middle.contact(), middle)
    assert contact["way"] == way
    assert contact["port"] == server
    if middle.mode == "trusted-ca":
        assert contact["seen"]["alpn"] == ("h2" if protocol == "http2" else "http/1.1")


def test_curl_to_a_name_that_resolves_to_us(tmp_path: Path) -> None:
    with (
        between(tmp_path, "trusted-ca", hosts={HOST: "127.0.0.2"}) as middle,
        origin(middle.genuine, "127.0.0.2") as port,
    ):
        # Nobody else has this port at an address that nothing else uses.
        middle.interceptor.listen("direct", "127.0.0.3", port)
        done = curl(middle, f"https://{HOST}:{port}/", "--noproxy", "*", "--resolve", f"{HOST}:{port}:127.0.0.3")
        assert done.stdout == "canary", done.stderr
        assert good(middle.contact(), middle)["upstream_address"] == "127.0.0.2"


@pytest.mark.parametrize("protocol", ["http1.1", "http2"])
def test_a_large_body_arrives_intact(middle: Between, server: int, protocol: str) -> None:
    # A whole GiB where every octet is decrypted and encrypted again.
    count = 1024 * MIB if (middle.mode, protocol) == ("trusted-ca", "http1.1") else 100 * MIB
    argv = ["curl", "-q", "-sS", f"--{protocol}", "--noproxy", "*", "--max-time", "250", "--cacert", middle.trust]
    argv += ["--connect-to", f"::127.0.0.1:{reverse(middle, server)}", f"https://{HOST}:{server}/bytes/{count}"]
    digest = hashlib.sha256()
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout
        while part := process.stdout.read(MIB):
            digest.update(part)
    assert process.returncode == 0
    assert digest.hexdigest() == pattern_hash(count)
    assert good(middle.contact(), middle)["upstream_bytes"] >= count


@pytest.mark.parametrize("protocol", ["http1.1", "http2"])
def test_a_large_upload_arrives_intact(middle: Between, server: int, protocol: str, tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_bytes(bytes(range(256)) * (100 * MIB // 256))
    options = ["--connect-to", f"::127.0.0.1:{reverse(middle, server)}", "--noproxy", "*", "--data-binary", f"@{body}"]
    done = curl(middle, f"https://{HOST}:{server}/", f"--{protocol}", *options)
    assert done.stdout == hashlib.sha256(body.read_bytes()).hexdigest(), done.stderr
    contact = good(middle.contact(), middle)
    assert contact["seen"]["bytes_in"] >= 100 * MIB
    assert len(contact["plaintext"]) <= 64 * 1024
    if middle.mode == "trusted-ca":
        assert contact["seen"]["progress"] == "body"
        assert contact["seen"]["data_bytes"] >= 100 * MIB


@pytest.mark.parametrize("protocol", ["http1.1", "http2"])
def test_node(middle: Between, server: int, protocol: str) -> None:
    port = reverse(middle, server)
    scripts = {
        "http1.1": "const r=require('https').get({host:'127.0.0.1',port:P,servername:H,ca,headers:{host:H}},"
        "m=>m.on('data',d=>process.stdout.write(d)))",
        "http2": "const s=require('http2').connect('https://127.0.0.1:'+P,{servername:H,ca}),r=s.request({':path':'/'});"
        "r.on('data',d=>process.stdout.write(d));r.on('end',()=>s.close())",
    }
    setup = f"const H={HOST!r},P={port},ca=require('fs').readFileSync({middle.trust!r});"
    assert ran(["node", "-e", setup + scripts[protocol]]) == "canary"
    good(middle.contact(), middle)


@pytest.fixture(scope="session")
def go_client(tmp_path_factory: pytest.TempPathFactory) -> str:
    if not shutil.which("go"):
        pytest.skip("Go is not installed")
    program = tmp_path_factory.mktemp("go") / "h2client"
    ran(["go", "build", "-o", str(program), str(SUPPORT / "h2client" / "main.go")])
    return str(program)


def test_go_over_http2(middle: Between, server: int, go_client: str) -> None:
    address = f"127.0.0.1:{reverse(middle, server)}"
    assert ran([go_client, address, HOST, middle.trust, "/bytes/3000000"]) == f"HTTP/2.0 {pattern_hash(3000000)}"
    good(middle.contact(), middle)


def test_websocket(middle: Between) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(middle.genuine.chain, middle.genuine.key)

    trust = ssl.create_default_context(cafile=middle.trust)
    proxy = f"http://127.0.0.1:{middle.interceptor.listen('proxy', '127.0.0.1', 0)}"

    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    # The variants with threads read and write one SSLSocket at once, which Python 3.11's is not made for.
    async def talk() -> None:
        async with serve(echo, "127.0.0.1", 0, ssl=context, max_size=None) as server:
            [listening] = server.sockets
            url = f"wss://{HOST}:{listening.getsockname()[1]}/chat"
            async with connect(url, ssl=trust, proxy=proxy, compression=None, max_size=None) as client:
                for message in ("hello", b"\0\1\2" * 500_000, ""):
                    await client.send(message)
                    assert await client.recv() == message

    asyncio.run(talk())
    contact = good(middle.contact(), middle)
    if middle.mode == "trusted-ca":
        assert contact["seen"]["request_line"] == "GET /chat HTTP/1.1"
        assert contact["seen"]["data_bytes"] > 1_500_000


def test_grpc(middle: Between) -> None:
    handlers: dict[str, Any] = {
        "Echo": grpc.unary_unary_rpc_method_handler(lambda request, _: request),
        "Count": grpc.stream_stream_rpc_method_handler(lambda requests, _: (b"%d" % len(each) for each in requests)),
    }
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Service", handlers),))
    key, chain = middle.genuine.key.read_bytes(), middle.genuine.chain.read_bytes()
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, chain)]))
    server.start()
    credentials = grpc.ssl_channel_credentials(Path(middle.trust).read_bytes())
    options = [("grpc.ssl_target_name_override", HOST), ("grpc.enable_http_proxy", 0)]
    with grpc.secure_channel(f"127.0.0.1:{reverse(middle, port)}", credentials, options) as channel:
        message = b"x" * 1_000_000
        echo: Any = channel.unary_unary("/test.Service/Echo")
        assert echo(message, timeout=60) == message
        count: Any = channel.stream_stream("/test.Service/Count")
        counts = count(iter([b"a" * n for n in range(100)]), timeout=60)
        assert list(counts) == [b"%d" % n for n in range(100)]
    server.stop(None).wait()
    contact = good(middle.contact(), middle)
    if middle.mode == "trusted-ca":
        assert contact["seen"]["alpn"] == "h2"


def test_plain_http_is_forwarded_and_heard(tmp_path: Path) -> None:
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"{self.path} {self.headers['Host']}".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    listening = http.server.HTTPServer(("127.0.0.1", 0), Page)
    with between(tmp_path, "pass-through") as middle, listening as server, serving(server):
        where = f"{HOST}:{server.server_port}"
        proxy = f"http://127.0.0.1:{middle.interceptor.listen('proxy', '127.0.0.1', 0)}"
        done = curl(middle, f"http://{where}/a?b=c", "--noproxy", "", "--proxy", proxy)
        assert done.stdout == f"/a?b=c {where}", done.stderr
        contact = middle.contact()
    assert contact["plaintext_forwarded"]
    assert contact["condition"] == ""
    assert contact["seen"]["request_line"] == "GET /a?<redacted> HTTP/1.1"
    assert b"b=c" in contact["plaintext"]


def test_names_that_are_not_utf8_reach_python(tmp_path: Path) -> None:
    with between(tmp_path, "pass-through") as middle:
        port = middle.interceptor.listen("socks", "127.0.0.1", 0)
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"\5\1\0" + b"\5\1\0\3\4a\xff\xfeb\0\1")
            while client.recv(100):
                pass
        contact = middle.contact()
        assert contact["host"] == "a\\xff\\xfeb"
        assert contact["upstream_failure"] == "not a host name"


def in_own_network(script: str, argument: str, *tools: str) -> Any:
    """What a script of tests/support prints in a network namespace of its own."""
    for tool in ("ip", "unshare", *tools):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed")
    own = ["unshare", "--net"]
    if subprocess.run([*own, "true"], capture_output=True, check=False).returncode:
        own = ["unshare", "--user", "--map-root-user", "--net"]
    command = [*own, sys.executable, str(SUPPORT / script), argument]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    if done.returncode == 77:
        pytest.skip(f"no network namespace of our own: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_no_road_leads_to_the_machine_itself() -> None:
    """Also by an address that is not private: a service that listens on all is not meant for an app under audit."""
    found = in_own_network("own_addresses.py", "0")
    assert len(found["roads"]) == 14
    assert all(found["in_mitmproxy"].values())
    for road, failure in found["roads"].items():
        assert failure.endswith("this machine, which counts as private, and those were not allowed"), (road, failure)


def test_every_road_leads_to_the_machine_itself_where_that_is_allowed() -> None:
    found = in_own_network("own_addresses.py", "1")["roads"]
    assert {found.pop("CONNECT [64:ff9b::198.51.100.7]"), found.pop("direct")} == {""}
    assert set(found.values()) == {"198.51.100.7", "198.51.100.8", "203.0.113.9", "2001:db8::7"}


def test_redirected_connections(tmp_path: Path) -> None:
    """With rules of the packet filter that vanish with the namespace."""
    contacts = in_own_network("transparent.py", str(tmp_path), "nft", "nsenter")
    for mode, family in ((mode, family) for family in ("203.0.113.7", "2001:db8::7") for mode in MODES):
        found = [each for each in contacts if (each["condition"], each["upstream_address"]) == (mode, family)]
        assert len(found) == 1, contacts
        assert found[0]["way"] == "transparent"
        assert (found[0]["host"], found[0]["port"]) == (HOST, 443)
        assert found[0]["client"] in ("10.9.0.2", "fd09::2")
        assert found[0]["output"] == "canary"
