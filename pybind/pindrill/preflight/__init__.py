"""Who is locked out by a planned certificate, said before it is deployed; see docs/rotation.md."""

from pindrill.preflight.files import read_chain, read_trust
from pindrill.preflight.model import Chain, Outlook, Status, Trust
from pindrill.preflight.outlook import check

__all__ = ["Chain", "Outlook", "Status", "Trust", "check", "read_chain", "read_trust"]
