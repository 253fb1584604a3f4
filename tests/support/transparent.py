"""A router with an interceptor, a client behind it and a server in front: transparent.py DIRECTORY.

To be run as root of a network namespace of its own. Prints what the interceptor saw, as JSON; exit 77: not possible.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from support.interception import HOST, Between, Mode, between, origin

NOT_POSSIBLE = 77
SERVERS = ("203.0.113.7", "2001:db8::7")
RULES = """\
table inet pindrill {{
  chain redirected {{ type nat hook prerouting priority -100; tcp dport 443 redirect to :{port}; }}
}}"""


def run(*argv: str) -> None:
    try:
        subprocess.run(argv, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"{' '.join(argv)}: {getattr(error, 'stderr', '') or error}", file=sys.stderr)
        sys.exit(NOT_POSSIBLE)


@contextlib.contextmanager
def client_namespace() -> Iterator[list[str]]:
    """Wired to ours; what to put before a command that runs there."""
    with subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin
        assert holder.stdout
        try:
            holder.stdin.write(b"\n")
            holder.stdin.flush()
            holder.stdout.readline()  # it has its namespace
            inside = ["nsenter", "-t", str(holder.pid), "-n"]
            run("ip", "link", "set", "lo", "up")
            run("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", str(holder.pid))
            run("ip", "address", "add", "10.9.0.1/24", "dev", "v0")
            run("ip", "address", "add", "fd09::1/64", "dev", "v0", "nodad")
            run("ip", "link", "set", "v0", "up")
            for address in SERVERS:
                run("ip", "address", "add", address, "dev", "lo")
            run(*inside, "ip", "address", "add", "10.9.0.2/24", "dev", "v1")
            run(*inside, "ip", "address", "add", "fd09::2/64", "dev", "v1", "nodad")
            run(*inside, "ip", "link", "set", "v1", "up")
            run(*inside, "ip", "route", "add", "default", "via", "10.9.0.1")
            run(*inside, "ip", "route", "add", "default", "via", "fd09::1")
            yield inside
        finally:
            holder.stdin.close()


def visit(middle: Between, inside: list[str], server: str) -> dict[str, Any]:
    where = f"[{server}]" if ":" in server else server
    curl = ["curl", "-q", "-sS", "--max-time", "60", "--cacert", middle.trust, "--resolve", f"{HOST}:443:{where}"]
    done = subprocess.run(
        [*inside, *curl, f"https://{HOST}/"], capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"}
    )
    contact = middle.contact()
    kept = ("way", "host", "port", "client", "condition", "upstream_address", "upstream_failure", "failure")
    return {**{name: contact[name] for name in kept}, "output": done.stdout, "errors": done.stderr}


def main() -> int:
    seen = []
    modes: list[Mode] = ["pass-through", "trusted-ca"]
    with client_namespace() as inside:
        for mode in modes:
            # The servers' addresses are ours to the kernel, but none of them is private.
            with between(Path(sys.argv[1]), mode, clients=["10.9.0.0/24", "fd09::/64"]) as middle:
                port = middle.interceptor.listen("transparent", "::", 0)
                run("nft", RULES.format(port=port))
                for server in SERVERS:
                    with origin(middle.genuine, server, "443"):
                        seen.append(visit(middle, inside, server))
                run("nft", "delete table inet pindrill")
    print(json.dumps(seen))
    return 0


sys.exit(main())
