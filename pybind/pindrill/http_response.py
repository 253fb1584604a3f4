"""The answer that a server gives: by default a short text that holds the canary."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pindrill.model import UsageError

PLACEHOLDER = "{canary}"


@dataclass(frozen=True, kw_only=True)
class Respond:
    """For apps that need a certain answer. `body` must hold `{canary}` unless the app's own word is to count."""

    status: int = 200
    content_type: str = "text/plain; charset=utf-8"
    body: str = PLACEHOLDER + "\n"

    def text(self, canary: str) -> str:
        body = self.body.replace(PLACEHOLDER, canary)
        return (
            f"HTTP/1.1 {self.status} Answer\r\nContent-Type: {self.content_type}\r\n"
            f"Content-Length: {len(body.encode())}\r\nConnection: close\r\n\r\n{body}"
        )

    @classmethod
    def from_file(cls, path: Path) -> Respond:
        """Head lines (`Status: 201`, `Content-Type: …`), an empty line, the body."""
        try:
            head, _, body = path.read_text().partition("\n\n")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path}: cannot read the answer to respond with: {error}") from error
        fields = {}
        for number, line in enumerate(head.splitlines(), start=1):
            name, colon, value = line.partition(":")
            if not colon or name.strip().lower() not in ("status", "content-type"):
                raise UsageError(
                    f"{path}:{number}: '{line}' is no `Status:` or `Content-Type:` line; "
                    "an empty line separates the head from the body"
                )
            fields[name.strip().lower()] = value.strip()
        status = fields.get("status", "200")
        if not status.isdigit() or not 200 <= int(status) <= 599:
            raise UsageError(f"{path}: the status '{status}' is no number from 200 to 599")
        return cls(status=int(status), content_type=fields.get("content-type", cls.content_type), body=body)
