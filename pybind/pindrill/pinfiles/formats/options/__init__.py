"""curl, wget and git: `--pinnedpubkey` in scripts, .curlrc and .wgetrc, `http.pinnedPubkey` in git's configuration.

Three formats with one reader: a script may tell all three tools their pins.
"""

from __future__ import annotations

from pindrill.pinfiles.formats.options.reader import has_option, read_options
from pindrill.pinfiles.formats.options.tools import RULES
from pindrill.pinfiles.formats.options.writer import write_curl, write_git, write_wget
from pindrill.pinfiles.pin_file import FormatAbilities, InText, PinFile, PinFormat, PinWriter
from pindrill.pinfiles.source import Source


def _read(source: Source) -> list[PinFile]:
    return read_options(source, {form.name: form for form in (CURL, WGET, GIT)})


_PAGE = "curl-wget-git.md"
_FOUND = InText(has=has_option, read=_read)
_CAN = FormatAbilities(subdomains=("none",), position="leaf", modes=("restrict", "replace"), any_host=True)
CURL = PinFormat(
    name="curl",
    title="curl",
    page=_PAGE,
    meaning="Only the server's own key is compared, as text.",
    found=_FOUND,
    writer=PinWriter(can=_CAN, write=write_curl),
    rules=RULES,
)
WGET = PinFormat(
    name="wget",
    title="wget",
    page=_PAGE,
    meaning="Only the server's own key is compared.",
    found=_FOUND,
    writer=PinWriter(can=_CAN, write=write_wget),
    rules=RULES,
)
GIT = PinFormat(
    name="git",
    title="git",
    page=_PAGE,
    meaning="Only the server's own key is compared, as text.",
    found=_FOUND,
    writer=PinWriter(
        can=FormatAbilities(
            subdomains=("none", "one"), apexless=True, position="leaf", modes=("restrict", "replace"), any_host=True
        ),
        write=write_git,
    ),
    rules=RULES,
)
