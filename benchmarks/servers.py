"""The scenario server and its peers, each in a process of its own: same key, same chain."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.effort import Effort
from benchmarks.hierarchy import Files
from benchmarks.machine import first_line, running, tool

_NGINX = """\
daemon off; master_process off; worker_processes 1; pid nginx.pid; error_log /dev/null crit;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_timeout 0; server_tokens off;
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  server {{
    listen 127.0.0.1:{port} ssl backlog=1024;
    ssl_certificate {chain}; ssl_certificate_key {key};
    ssl_protocols TLSv1.2 TLSv1.3; ssl_ecdh_curve X25519;
    ssl_session_cache off; ssl_session_tickets off; ssl_conf_command NumTickets 0;
    default_type text/plain;
    location / {{ return 200 "pd7c000000000000000000000000\\n"; }}
  }}
}}
"""


NGINX = "/usr/sbin/nginx"


def has_nginx(effort: Effort) -> bool:
    return effort.has("nginx", NGINX, "apt-get install nginx-light libnginx-mod-stream")


@dataclass(frozen=True)
class Peer:
    pid: int
    port: int


@contextlib.contextmanager
def pindrill(files: Files) -> Iterator[Peer]:
    with running([tool("serve"), str(files.key), str(files.chain)]) as process:
        yield Peer(process.pid, int(first_line(process)))


@contextlib.contextmanager
def nginx(files: Files) -> Iterator[Peer]:
    port, directory = free_port(), files.key.parent
    path = directory / "nginx.conf"
    path.write_text(_NGINX.format(port=port, key=files.key, chain=files.chain))
    with running([NGINX, "-p", str(directory), "-c", str(path)]) as process:
        wait_for(port)
        yield Peer(process.pid, port)


@contextlib.contextmanager
def s_server(files: Files) -> Iterator[Peer]:
    port, directory = free_port(), files.key.parent
    path = directory / ("pd7s" + "0" * 24)
    path.write_text("pd7c" + "0" * 24 + "\n")
    command = f"openssl s_server -accept 127.0.0.1:{port} -key {files.key} -cert {files.chain}"
    options = f"-cert_chain {_intermediates(files)} -num_tickets 0 -no_ticket -no_cache -quiet -WWW -groups X25519"
    argv = ["/bin/sh", "-c", f"exec {command} {options} >{os.devnull} 2>&1"]
    with running(argv, directory) as process:
        wait_for(port)
        yield Peer(process.pid, port)


def _intermediates(files: Files) -> Path:
    path = files.key.parent / "intermediate.pem"
    path.write_text(files.credential.chain[1].pem)
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert isinstance(port, int)
    return port


def wait_for(port: int, patience_s: float = 5) -> None:
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.01)
    raise TimeoutError(f"nothing listens on port {port}")
