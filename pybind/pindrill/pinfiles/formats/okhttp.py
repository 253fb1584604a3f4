"""OkHttp's CertificatePinner, in Kotlin and Java source: what stands there as literals, and what does not."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from pindrill.pinfiles import digests
from pindrill.pinfiles.code import MAX_CALLS, Code, Text, UnreadValue
from pindrill.pinfiles.hosts import cut, note_form
from pindrill.pinfiles.model import DeclaredPin, PinRule
from pindrill.pinfiles.names import MAX_NAME, is_address, meant, to_ascii
from pindrill.pinfiles.pin_file import FormatAbilities, InText, PinFile, PinFormat, PinWriter
from pindrill.pinfiles.pin_text import PinReading, read_pin
from pindrill.pinfiles.rules import Notes, warning
from pindrill.pinfiles.source import Source

_CRASH = "the builder throws: the app crashes where it makes its client"
_READING = PinReading(
    decode=digests.okio,
    prefixes=("sha256/",),
    undecodable=_CRASH,
    wrong_length="the length is not checked: this pin never matches",
    crashes_undecodable=True,
)
_SHA1 = PinReading(
    decode=digests.okio,
    prefixes=("sha1/",),
    undecodable=_CRASH,
    wrong_length="the length is not checked: this pin never matches",
    crashes_undecodable=True,
)
_BLOCKS = ("apply", "also", "run", "with")


def _has(text: str) -> bool:
    return "CertificatePinner" in text


@dataclass
class _Reader:
    notes: Notes
    code: Code
    rules: list[PinRule] = field(default_factory=list)
    crash: str = ""


def _read(source: Source) -> list[PinFile]:
    text = source.text()
    kotlin = source.path.endswith((".kt", ".kts")) or (not source.path.endswith(".java") and "new " not in text)
    reader = _Reader(Notes(source.path, OKHTTP.rules), Code(text, templates=kotlin))
    calls = sorted(set(islice(_add_calls(reader.code), 10 * MAX_CALLS)))
    if len(calls) > MAX_CALLS:
        raise source.refuse(1, f"more than {MAX_CALLS} calls of add(…)", "give the part that builds the pinner")
    for call in calls:
        _read_add(reader, call)
    if not reader.rules and not reader.notes.findings:
        raise source.refuse(
            1, "no CertificatePinner.Builder().add(…) with literals in it", "give the source file that has them"
        )
    file = PinFile(
        path=source.path,
        format=OKHTTP,
        rules=tuple(reader.rules),
        findings=reader.notes.done(),
        crash=reader.crash,
        settings={"language": "kotlin" if kotlin else "java"},
    )
    return [file]


def _add_calls(code: Code) -> Iterator[int]:
    """Indices of the bracket of each `add(` whose receiver is a builder of a pinner."""
    names = set()
    for at in range(len(code.tokens)):
        if code.is_at(at, "CertificatePinner", ".", "Builder", "("):
            yield from _chained(code, code.closing(at + 3) + 1)
            names.add(_variable(code, at))
    for at, token in enumerate(code.tokens):
        if token.text in names and code.is_at(at + 1, ".", "add", "("):
            yield at + 3
            yield from _chained(code, code.closing(at + 3) + 1)


def _chained(code: Code, at: int) -> Iterator[int]:
    """`.add(…)` after `.add(…)`, and those in the block of `.apply { … }`."""
    while code.is_at(at, ".") and at + 2 < len(code.tokens):
        name, opening = code.tokens[at + 1].text, code.tokens[at + 2].text
        if opening == "{" and name in _BLOCKS:
            end = code.closing(at + 2)
            within = slice(bisect_left(code.adds, at + 3), bisect_left(code.adds, end))
            yield from (index + 1 for index in code.adds[within])
        elif opening == "(":
            end = code.closing(at + 2)
            if name == "add":
                yield at + 2
        else:
            return
        at = end + 1


def _variable(code: Code, at: int) -> str:
    """The name that the builder at `at` is kept under."""
    before = at - 1 - code.is_at(at - 1, "new")
    if not code.is_at(before, "="):
        return ""
    for index in range(before - 1, max(before - 9, -1), -1):
        if code.tokens[index].text in ("val", "var"):
            return code.tokens[index + 1].text
    return code.tokens[before - 1].text if before and code.tokens[before - 1].kind == "name" else ""


def _read_add(reader: _Reader, bracket: int) -> None:
    code, line = reader.code, reader.code.tokens[bracket].line
    arguments = [code.string(start, end) for start, end in code.arguments(bracket)]
    unread = [value for value in arguments if isinstance(value, UnreadValue)]
    for value in unread:
        reader.notes.add(
            "unread",
            value.line,
            "an argument of add(…) that is no literal or constant of this file",
            effect="it is made when the app runs: not read, not checked",
            fix="look at it by hand, or write the pins as constants beside the call",
        )
    pattern, texts = (arguments[0], arguments[1:]) if arguments else (None, [])
    if not isinstance(pattern, Text):
        return
    pins = [_read_pin(reader, text) for text in texts if isinstance(text, Text)]
    found = tuple(pin for pin in pins if pin is not None)
    if not found and not unread and not texts:
        reader.notes.add(
            "no-pins",
            line,
            f"add('{pattern.value[:60]}') without a pin",
            effect="nothing is pinned for it",
            fix="add a current and a backup pin",
        )
    reader.rules += _rule(reader, pattern, found, partial=bool(unread))


def _rule(reader: _Reader, pattern: Text, pins: tuple[DeclaredPin, ...], *, partial: bool) -> list[PinRule]:
    """`*.` is exactly one label and not the apex; `**.` any number, the apex included."""
    text, name = pattern.value, pattern.value
    prefix = next((each for each in ("**.", "*.") if text.startswith(each)), "")
    name = text.removeprefix(prefix)
    if "*" in name or not _is_host(text):
        fix = f"write {prefix}{meant(name)}" if meant(name) else "write **.example.com"
        reader.notes.add("domain-form", pattern.line, f"'{cut(text)}' is no pattern", effect=_CRASH, fix=fix)
        reader.crash = reader.crash or f"the pattern '{cut(text)}' on line {pattern.line}"
        return []
    domain = to_ascii(name)
    note_form(domain, pattern.line, reader.notes, wildcard_fix="write **.example.com")
    if not domain:
        return []
    return [
        PinRule(
            domain=domain,
            pins=pins,
            subdomains={"**.": "all", "*.": "one", "": "none"}[prefix],  # type: ignore[arg-type]
            apex=prefix != "*.",
            partial=partial,
            line=pattern.line,
        )
    ]


def _is_host(pattern: str) -> bool:
    """Does toCanonicalHost take it, the star's label with it? OkHttp 5.5.1: what it does not take makes Pin throw."""
    name = to_ascii(pattern)
    if ":" in name:
        return is_address(name)
    labels = name.removesuffix(".").split(".")
    overlong = len(name) > MAX_NAME or any(not 0 < len(label) < 64 for label in labels)
    if any(label.startswith("xn--") and not label.isascii() for label in labels):
        return False
    return not overlong and not any(letter <= " " or letter in '\x7f\xa0"#%/:?@[\\]' for letter in name)


def _read_pin(reader: _Reader, text: Text) -> DeclaredPin | None:
    weak = text.value.startswith("sha1/")
    if not text.value.startswith(("sha1/", "sha256/")):
        reader.notes.add(
            "pin-prefix",
            text.line,
            f"'{text.value[:60]}' does not begin with sha256/",
            effect=_CRASH,
            fix="write sha256/ before the digest",
        )
        reader.crash = reader.crash or f"the pin on line {text.line} has no prefix"
        return None
    if weak:
        reader.notes.add(
            "weak-algorithm",
            text.line,
            "a SHA-1 pin",
            effect="it works, and a second key with the same SHA-1 can be looked for",
            fix="pin the SHA-256",
        )
    read = read_pin(
        text.value, text.line, _SHA1 if weak else _READING, reader.notes, algorithm="sha1" if weak else "sha256"
    )
    reader.crash = reader.crash or read.crash
    return read.pin


# --- written ---------------------------------------------------------------------------------------------------


def _write(rules: Sequence[PinRule], settings: Mapping[str, str]) -> str:
    java = settings.get("language") == "java"
    lines = [
        "CertificatePinner pinner = new CertificatePinner.Builder()"
        if java
        else "val pinner = CertificatePinner.Builder()"
    ]
    for rule in rules:
        texts = ", ".join(f'"{pin.algorithm}/{pin.base64}"' for pin in rule.pins)
        lines += [f'    .add("{pattern}", {texts})' for pattern in _patterns(rule)]
    return "\n".join([*lines, "    .build()" + (";" if java else ""), ""])


def _patterns(rule: PinRule) -> list[str]:
    match rule.subdomains, rule.apex:
        case "all", _:
            return [f"**.{rule.domain}"]
        case "one", False:
            return [f"*.{rule.domain}"]
        case "one", True:
            return [rule.domain, f"*.{rule.domain}"]
        case _:
            return [rule.domain]


OKHTTP = PinFormat(
    name="okhttp",
    title="OkHttp",
    page="okhttp.md",
    meaning="All patterns that cover a host are united. A pin may match any key of the validated chain. "
    "*. is exactly one label without the name itself, **. any number with it.",
    found=InText(has=_has, read=_read),
    writer=PinWriter(
        can=FormatAbilities(subdomains=("none", "one", "all"), apexless=True, sha1=True),
        write=_write,
    ),
    rules=(warning("weak-algorithm", "collisions of SHA-1 can be made"),),
    apps=frozenset({"android"}),
    keeps_last_dot=True,
    covers_names=True,
    backed_up_by="its name",
)
