"""The base64 decoders of the platforms: each takes and skips other things, and that decides what a pin means."""

from __future__ import annotations

import base64
import binascii
import re
import string

_STANDARD = frozenset(string.ascii_letters + string.digits + "+/")
_CANONICAL_PIN = re.compile(r"[A-Za-z0-9+/]{43}=")


def android(text: str) -> bytes | None:
    """android.util.Base64: other characters are skipped, padding may be left out but not be half there."""
    digits, padding = "", ""
    for character in text:
        if character in _STANDARD:
            if padding:
                return None
            digits += character
        elif character == "=":
            padding += character
    left = len(digits) % 4
    if left == 1 or len(padding) not in {0: (0,), 2: (0, 2), 3: (0, 1)}[left]:
        return None
    return base64.b64decode(digits + "=" * (-len(digits) % 4))


def apple(text: str) -> bytes | None:
    """SecBase64: other characters are skipped, padding is required."""
    kept = "".join(character for character in text if character in _STANDARD or character == "=")
    return strict(kept)


def strict(text: str) -> bytes | None:
    """RFC 4648 section 4, as NSData decodes it without options."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def okio(text: str) -> bytes | None:
    """okio's decodeBase64: white space is skipped, the URL-safe alphabet taken, padding optional."""
    kept = text.rstrip("=\n\r \t")
    kept = re.sub(r"[\n\r \t]", "", kept).replace("-", "+").replace("_", "/")
    if not set(kept) <= _STANDARD or len(kept) % 4 == 1:
        return None
    return base64.b64decode(kept + "=" * (-len(kept) % 4))


def wget(text: str) -> bytes | None:
    """White space is skipped, all else has to be base64 with its padding."""
    return strict(re.sub(r"\s", "", text))


def compared_as_text(text: str) -> bytes | None:
    """curl compares the text with what it made itself: only the canonical form can match."""
    if not _CANONICAL_PIN.fullmatch(text):
        return None
    digest = base64.b64decode(text)
    return digest if base64.b64encode(digest).decode() == text else None


def hexadecimal(text: str) -> bytes | None:
    """With or without colons or spaces."""
    try:
        return bytes.fromhex(re.sub(r"[:\s]", "", text))
    except ValueError:
        return None


def encoded(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
