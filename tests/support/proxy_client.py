"""Clients that come to their proxy, and do something else there than ask for a tunnel.

proxy_client.py MODE HOST PORT PATH
"""

import os
import socket
import sys
from urllib.parse import urlsplit


def main() -> int:
    mode, host, port, path = sys.argv[1:]
    proxy = urlsplit(os.environ["https_proxy"])
    assert proxy.hostname
    assert proxy.port
    request = f"GET https://{host}:{port}{path} HTTP/1.1\r\nHost: {host}\r\n\r\n"
    with socket.create_connection((proxy.hostname, proxy.port)) as connection:
        if mode == "absolute":
            connection.sendall(request.encode())
        elif mode == "behind-refusal":
            connection.sendall(b"CONNECT elsewhere.test:443 HTTP/1.1\r\n\r\n")
            assert b"403" in connection.recv(4096)
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass
    return 1


sys.exit(main())
