"""What may stand between a client and a server: pindrill, mitmproxy, nginx, each in a process of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pindrill import _core

from benchmarks.effort import Effort
from benchmarks.machine import first_line, running, tool
from benchmarks.servers import NGINX, free_port, wait_for

HOST = "app.pin.test"
_STREAM = "/usr/lib/nginx/modules/ngx_stream_module.so"
_OWN = Path("build/mitmproxy")
_MADE = (_OWN, Path(".venv-mitmproxy"))
"""Environments of mitmproxy; the second one is that of the tests."""
_ADDON = """\
def server_connect(data):
    data.server.address = ("127.0.0.1", data.server.address[1])
"""
_NGINX = """\
load_module {stream};
daemon off; master_process off; worker_processes 1; worker_rlimit_nofile 65536;
pid {name}.pid; error_log /dev/null crit;
events {{ worker_connections 32768; }}
stream {{
  proxy_timeout 1h;
  server {{ listen 127.0.0.1:{port}{listen} backlog=1024; proxy_pass 127.0.0.1:{upstream};{tls} }}
}}
"""
_NGINX_TLS = """
    ssl_certificate {chain}; ssl_certificate_key {key}; ssl_session_cache off; ssl_session_tickets off;
    ssl_protocols TLSv1.2 TLSv1.3; proxy_ssl_protocols TLSv1.2 TLSv1.3;
    proxy_ssl on; proxy_ssl_verify on; proxy_ssl_trusted_certificate {trust}; proxy_ssl_name app.pin.test;
    proxy_ssl_server_name on;"""


@dataclass(frozen=True)
class Origin:
    port: int
    trust: Path
    key: Path
    chain: Path
    names: Path


@dataclass(frozen=True)
class Middle:
    pid: int
    proxy: int
    """0: it is none."""
    reverse: int


@contextlib.contextmanager
def origin(directory: Path, names: list[str]) -> Iterator[Origin]:
    """A server that is verified for all names."""
    root = _core.Authority.root(_core.KeyPair.generate("p-256"), _core.CertificateSpec("TEST root", ca=True))
    key = _core.KeyPair.generate("p-256")
    leaf = root.issue(key, _core.CertificateSpec(HOST, dns=[HOST, f"*.{HOST}"], ip=["127.0.0.1"]))
    paths = {name: directory / f"{name}.pem" for name in ("trust", "key", "chain")}
    paths["trust"].write_text(root.certificate.pem)
    paths["chain"].write_text(leaf.pem)
    with os.fdopen(os.open(paths["key"], os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(key.private_pem())
    listed = directory / "names"
    listed.write_text(" ".join([HOST, *names]))
    with running([tool("relay"), "serve", str(paths["key"]), str(paths["chain"])]) as process:
        yield Origin(int(first_line(process)), paths["trust"], paths["key"], paths["chain"], listed)


@contextlib.contextmanager
def pindrill(server: Origin, mode: str) -> Iterator[Middle]:
    argv = [sys.executable, "-m", "benchmarks.between", mode, str(server.port), str(server.trust), str(server.names)]
    with running(argv) as process:
        proxy, reverse = map(int, first_line(process).split())
        yield Middle(process.pid, proxy, reverse)


@contextlib.contextmanager
def mitmproxy(server: Origin, mode: str) -> Iterator[Middle]:
    """Everything is raw TCP within TLS to it, which is the least that it can do."""
    directory = server.key.parent
    addon = directory / "addon.py"
    addon.write_text(_ADDON)
    proxy, reverse = free_port(), free_port()
    argv = [str(_mitmdump()), "-q", "-s", str(addon), "--set", f"confdir={directory}/mitmproxy"]
    argv += ["--listen-host", "127.0.0.1", "--set", f"ssl_verify_upstream_trusted_ca={server.trust}"]
    argv += ["--mode", f"regular@{proxy}", "--mode", f"reverse:tls://127.0.0.1:{server.port}@{reverse}"]
    argv += ["--ignore-hosts" if mode == "pass" else "--tcp-hosts", ".*"]
    with running(argv) as process:
        for port in (proxy, reverse):
            wait_for(port, patience_s=60)
        _wait_until_served(reverse)
        yield Middle(process.pid, proxy, reverse)


@contextlib.contextmanager
def nginx(server: Origin, mode: str) -> Iterator[Middle]:
    directory, port = server.key.parent, free_port()
    tls = "" if mode == "pass" else _NGINX_TLS.format(chain=server.chain, key=server.key, trust=server.trust)
    path = directory / f"nginx-{mode}.conf"
    path.write_text(
        _NGINX.format(name=mode, stream=_STREAM, port=port, listen=" ssl" if tls else "", upstream=server.port, tls=tls)
    )
    with running([NGINX, "-p", str(directory), "-c", str(path)]) as process:
        wait_for(port)
        yield Middle(process.pid, 0, port)


def _wait_until_served(port: int) -> None:
    """It listens before it has read its options."""
    for _ in range(50):
        if subprocess.run([tool("relay"), "ask", str(port), "1"], capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.1)
    raise TimeoutError("mitmproxy listens and does not serve")


def has_nginx(effort: Effort) -> bool:
    get = "apt-get install nginx-light libnginx-mod-stream"
    return effort.has("nginx", NGINX, get) and effort.has("nginx's stream module", _STREAM, get)


def _mitmdump() -> Path:
    there = [made / "bin" / "mitmdump" for made in _MADE if (made / "bin" / "mitmdump").exists()]
    return (there or [_OWN / "bin" / "mitmdump"])[0].absolute()


def mitmproxy_version(effort: Effort) -> str:
    """Made where it is missing: the newest for this interpreter, in an environment of its own; empty if left out."""
    if effort.smoke and not effort.has("mitmproxy", _mitmdump(), "it is made where it is missing"):
        return ""
    if not _mitmdump().exists():
        subprocess.run([sys.executable, "-m", "venv", str(_OWN)], check=True)
        subprocess.run([str(_OWN / "bin" / "pip"), "install", "--quiet", "mitmproxy"], check=True)
    return subprocess.run([str(_mitmdump()), "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
