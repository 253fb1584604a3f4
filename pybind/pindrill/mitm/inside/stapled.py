"""Chains of mitmproxy's CA with the genuine certificates beside, as `runner.forge` makes them of the test CA."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pindrill.audits.facts import Condition

from .minted import Issuer, certificate, new_key, pem_of, pem_of_key

_LISTS: dict[Condition, Callable[[str, str, str, Sequence[str]], tuple[str, ...]]] = {
    Condition.GENUINE_LEAF_APPENDED: lambda root, leaf, issuer, genuine: (leaf, issuer, genuine[0]),
    Condition.GENUINE_LEAF_SECOND: lambda root, leaf, issuer, genuine: (leaf, genuine[0], issuer),
    Condition.GENUINE_ISSUERS_APPENDED: lambda root, leaf, issuer, genuine: (leaf, issuer, *genuine[1:]),
    Condition.GENUINE_ISSUERS_IN_PLACE: lambda root, leaf, issuer, genuine: (root, *genuine[1:]),
    Condition.GENUINE_EVERYWHERE: lambda root, leaf, issuer, genuine: (root, *genuine[1:], *genuine),
}
"""Of a leaf of the root itself, a leaf and its issuer, and the genuine list."""


class Stapler:
    """`ca`: what clients of this mitmproxy trust."""

    def __init__(self, ca: Issuer) -> None:
        self._ca = ca
        self._key: Any = new_key()
        issuing = new_key()
        self._issuer = Issuer(certificate("pindrill TEST issuing", issuing, ca, ca=True), issuing)

    def credential(self, condition: Condition, host: str, genuine: Sequence[str]) -> dict[str, str]:
        """Chain and key, as PEM. `genuine`: what the genuine server presents, PEM each, leaf first."""
        root, leaf = (pem_of(certificate(host, self._key, above, host=host)) for above in (self._ca, self._issuer))
        chain = _LISTS[condition](root, leaf, pem_of(self._issuer.certificate), genuine)
        return {"chain": "".join(chain), "key": pem_of_key(self._key)}
