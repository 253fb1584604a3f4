"""The test CA in the forms that devices take. Pure."""

from __future__ import annotations

import plistlib
import uuid
from dataclasses import dataclass


@dataclass(frozen=True)
class TestCa:
    __test__ = False

    name: str
    pem: str
    der: bytes

    @property
    def profile(self) -> bytes:
        """A configuration profile of Apple's (com.apple.security.root), not signed; a person must trust it in full."""
        # The same certificate gives the same identifiers, so that a second profile takes the place of the first.
        number = uuid.uuid5(uuid.NAMESPACE_OID, self.pem)
        payload = {
            "PayloadType": "com.apple.security.root",
            "PayloadVersion": 1,
            "PayloadIdentifier": f"test.pindrill.ca.{number}",
            "PayloadUUID": str(uuid.uuid5(number, "certificate")).upper(),
            "PayloadDisplayName": self.name,
            "PayloadContent": self.der,
        }
        profile = {
            "PayloadType": "Configuration",
            "PayloadVersion": 1,
            "PayloadIdentifier": f"test.pindrill.profile.{number}",
            "PayloadUUID": str(uuid.uuid5(number, "profile")).upper(),
            "PayloadDisplayName": "pindrill test CA",
            "PayloadDescription": "For tests only: whoever holds its key reads what this device says. Remove it later.",
            "PayloadContent": [payload],
        }
        return plistlib.dumps(profile)
