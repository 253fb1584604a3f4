"""What a server has, in real certificates and keys."""

from __future__ import annotations

from dataclasses import dataclass

from pindrill import _core
from pindrill.preflight.files import chain_of
from pindrill.preflight.model import Chain, Instant, Trust
from pindrill.preflight.standins import Mirror

_DAY = 86400


@dataclass(frozen=True, kw_only=True)
class ServedChain:
    leaf: _core.Certificate | None
    """None: still to be issued."""
    key: _core.KeyPair
    names: tuple[str, ...]
    validity: tuple[Instant, Instant]
    issuer: str
    """The subject of whoever issues its leaf."""
    issuers: tuple[_core.Certificate, ...]
    """As presented."""
    trust: Trust

    @classmethod
    def of(cls, chain: Chain) -> ServedChain:
        leaf = chain.leaf
        return cls(
            leaf=leaf,
            key=_core.KeyPair.from_pem(leaf.pem),
            names=tuple(leaf.dns_names) or (leaf.common_name,),
            validity=(leaf.not_before, leaf.not_after),
            issuer=leaf.issuer,
            issuers=chain.certificates[1:],
            trust=chain.trust,
        )

    @property
    def days(self) -> int:
        return max(1, (self.validity[1] - self.validity[0]) // _DAY)

    def chain(self, name: str, mirror: Mirror, validity: tuple[Instant, Instant] | None = None) -> Chain:
        if self.leaf is not None:
            return chain_of(name, [self.leaf, *self.issuers], self.trust)
        return mirror.issue(
            name,
            self.key,
            self.names,
            validity or self.validity,
            issuer=self.issuer,
            issuers=self.issuers,
            trust=self.trust,
        )
