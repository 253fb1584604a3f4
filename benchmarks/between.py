"""An interceptor as the product drives it: every question goes to Python, leaves are minted per host and cached.

python -m benchmarks.between MODE UPSTREAM_PORT TRUST_FILE NAMES_FILE; prints the ports of a proxy and of a reverse
listener.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from pindrill import _core


def main(mode: str, upstream: int, trust: str, names: Path) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    hosts = dict.fromkeys(names.read_text().split(), "127.0.0.1")
    between = _core.Interceptor(_core.Loop(), hosts=hosts, private_addresses=True, upstream_trust=trust)
    authority = _core.Authority.root(_core.KeyPair.generate("p-256"), _core.CertificateSpec("TEST CA", ca=True))
    key = _core.KeyPair.generate("p-256")
    forged: dict[str, _core.Credential] = {}
    proxy = between.listen("proxy", "127.0.0.1", 0)
    print(proxy, between.listen("reverse", "127.0.0.1", 0, ("app.pin.test", upstream)), flush=True)
    while True:
        event = between.next(1)
        if event is None or "seen" in event:
            continue
        if mode == "pass":
            between.pass_through(event["id"], "pass-through")
            continue
        host = event["host"]
        if host not in forged:
            forged[host] = _core.Credential(key, [authority.issue(key, _core.CertificateSpec(host, dns=[host]))])
        between.stage(event["id"], "trusted-ca", forged[host])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))
