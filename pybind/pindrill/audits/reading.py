"""What clients said is read here, on a thread of its own: nobody waits for it but the contact that it came with."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from pindrill.audits.facts import Contact
from pindrill.audits.kept import write_private
from pindrill.audits.readable import drop_plaintext, unread

_MOST_WAITING = 16 * 1024 * 1024
"""Bytes that wait to be read: at the most hostile (a tenth of a second for 64 KiB) half a minute's work at the end."""


class ReadingThread:
    """Hands on every contact in its turn, with a summary in place of what was said. `trouble`: what failed for good."""

    def __init__(self, emit: Callable[[Contact], None], *, plaintext_directory: Path | None = None) -> None:
        self.trouble = ""
        self._emit = emit
        self._directory = plaintext_directory
        self._contacts: deque[Contact] = deque()
        self._waiting = 0
        """Bytes of `_contacts`."""
        self._changed = threading.Condition()
        self._busy = self._closing = False
        threading.Thread(target=self._read, name="reading", daemon=True).start()

    def add(self, contact: Contact) -> None:
        """Never waits: where too much would be waiting, the contact says that it was not read."""
        with self._changed:
            if self._waiting + len(contact.plaintext) > _MOST_WAITING:
                contact = unread(contact, "too much came at once")
            self._waiting += len(contact.plaintext)
            self._contacts.append(contact)
            self._changed.notify_all()

    def wait(self, timeout_s: float) -> bool:
        """Until all that were added are handed on; false where that takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._contacts and not self._busy, timeout_s)

    def close(self, timeout_s: float) -> None:
        """After the last of them."""
        try:
            if not self.wait(timeout_s):
                self.trouble = self.trouble or f"what clients said was not read within {timeout_s:g} s"
        finally:  # an interruption ends the patience, not the duty
            with self._changed:
                self._closing = True
                self._changed.notify_all()

    def _read(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._contacts or self._closing)
                if not self._contacts:
                    return
                contact = self._contacts.popleft()
                self._waiting -= len(contact.plaintext)
                self._busy = True
            try:
                self._emit(self._summary(contact))
            except Exception as error:  # whatever it was: a contact that is missing may be the one that matters
                self.trouble = self.trouble or f"a connection could not be noted: {error}"
            with self._changed:
                self._busy = False
                self._changed.notify_all()

    def _summary(self, contact: Contact) -> Contact:
        if contact.readable:
            return contact  # it says why it was not read
        if self._directory and contact.plaintext:
            name = f"{contact.id}-{contact.condition or 'plain'}.bin"
            write_private(self._directory / name, contact.plaintext)
        return drop_plaintext(contact)
