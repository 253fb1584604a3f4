"""Just enough of Java, Kotlin, Dart and JavaScript to find literals: tokens, constants, calls. Nothing is run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

MAX_DEPTH = 48
MAX_ARGUMENTS = 20_000
"""Tokens of one call or literal that are looked at."""
MAX_CALLS = 200
"""Calls of one file that are looked at."""
_TOKEN = re.compile(
    r"""
    (?P<comment> //[^\n]* | /\*.*?\*/ | /\*.*\Z )
  | (?P<raw> \"\"\".*?\"\"\" )
  | (?P<string> "(?:\\.|[^"\\\n])*+" | '(?:\\.|[^'\\\n])*+' | `(?:\\.|[^`\\])*+` )
  | (?P<broken> "(?:\\.|[^"\\\n])*+ | '(?:\\.|[^'\\\n])*+ | `(?:\\.|[^`\\])*+ )
  | (?P<name> [A-Za-z_$][\w$]* )
  | (?P<number> \d[\w.]* )
  | (?P<mark> \S )
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u\{?([0-9a-fA-F]{1,6})\}?|.)", re.DOTALL)
_CLOSING = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    line: int


class UnreadValue:
    """A value that only running the code would show."""

    def __init__(self, line: int) -> None:
        self.line = line


@dataclass(frozen=True)
class Text:
    value: str
    line: int


Value = Text | UnreadValue | bool | list["Value"] | dict[str, "Value"]


class Code:
    """The tokens of one source file and the string constants in it."""

    def __init__(self, text: str, *, templates: bool) -> None:
        """`templates`: does `$` in a string stand for a value?"""
        self.tokens = list(_tokens(text))
        self._templates = templates
        self._closings = _closings(self.tokens)
        self._declared = {
            name.text for word, name in pairwise(self.tokens) if word.text in ("class", "object", "interface", "enum")
        }
        self.constants: Mapping[str, Text] = {}
        self.constants = _unambiguous(self._find_constants())

    def is_at(self, at: int, *texts: str) -> bool:
        found = self.tokens[at : at + len(texts)]
        return at >= 0 and tuple(token.text for token in found) == texts

    def closing(self, at: int) -> int:
        """The index of the bracket that closes the one at `at`; the end of the file when there is none."""
        return self._closings.get(at, len(self.tokens))

    def arguments(self, at: int) -> list[tuple[int, int]]:
        """The parts between the bracket at `at` and its closing one, as ranges of tokens."""
        parts, start, depth, end = [], at + 1, 0, min(self.closing(at), at + MAX_ARGUMENTS)
        for index in range(at + 1, end):
            text = self.tokens[index].text if self.tokens[index].kind == "mark" else ""
            depth += (text in _CLOSING) - (text in _CLOSING.values())
            if text == "," and depth == 0:
                parts.append((start, index))
                start = index + 1
        if start < end:
            parts.append((start, end))
        return parts

    def string(self, start: int, end: int) -> Text | UnreadValue:
        """Literals and constants, joined by `+`."""
        line = self.tokens[start].line if start < len(self.tokens) else 1
        joined, expected = "", True
        for token in self._qualified(start, end):
            part = self._part(token) if expected else None
            if (part is None) if expected else (token.text != "+"):
                return UnreadValue(line)
            joined += part or ""
            expected = not expected
        return UnreadValue(line) if expected else Text(joined, line)

    def value(self, start: int, end: int, depth: int = 0) -> Value:
        """An object, list, boolean or string literal."""
        if start >= end or depth > MAX_DEPTH:
            return UnreadValue(self.tokens[min(start, len(self.tokens) - 1)].line)
        first = self.tokens[start]
        whole = self.closing(start) == end - 1
        if first.text == "[" and whole:
            return [self.value(*part, depth + 1) for part in self.arguments(start)]
        if first.text == "{" and whole:
            return self._object(start, depth)
        if end - start == 1 and first.text in ("true", "false"):
            return first.text == "true"
        return self.string(start, end)

    @cached_property
    def adds(self) -> Sequence[int]:
        """Where `add(` begins."""
        return [at for at, token in enumerate(self.tokens) if token.text == "add" and self.is_at(at + 1, "(")]

    @cached_property
    def literals(self) -> Mapping[str, tuple[int, int]]:
        """The object or list that a name is set to, as a range of tokens; the first where there are several."""
        found: dict[str, tuple[int, int]] = {}
        for at, token in enumerate(self.tokens):
            start = self._after_equals(at) if token.kind == "name" else None
            if start is not None and self.tokens[start].text in ("const", "final"):
                start += 1
            if start is not None and start < len(self.tokens) and self.tokens[start].text in ("[", "{"):
                found.setdefault(token.text, (start, self.closing(start) + 1))
        return found

    def _after_equals(self, at: int) -> int | None:
        """Behind `name =` or `name: Type =`."""
        for equals in range(at + 1, min(at + 10, len(self.tokens) - 1)):
            text = self.tokens[equals].text
            if text == "=":
                return equals + 1
            if text in (";", "(", ")", "{", "}", ",") or (equals == at + 1 and text != ":"):
                return None
        return None

    def _object(self, start: int, depth: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for first, last in self.arguments(start):
            key = self.tokens[first]
            if last - first >= 3 and self.tokens[first + 1].text == ":":
                text = key.text if key.kind == "name" else self._part(key)
                found[text if text is not None else f"line {key.line}"] = self.value(first + 2, last, depth + 1)
            else:
                found[f"line {key.line}"] = UnreadValue(key.line)
        return found

    def _qualified(self, start: int, end: int) -> Iterator[Token]:
        """The tokens, `A.C` taken as `C` where `A` is declared in this file."""
        index = start
        while index < end:
            own = self.tokens[index].text in self._declared or self.tokens[index].text in ("this", "Companion")
            if own and index + 1 < end and self.tokens[index + 1].text == ".":
                index += 2
                continue
            yield self.tokens[index]
            index += 1

    def _part(self, token: Token) -> str | None:
        if token.kind == "name":
            constant = self.constants.get(token.text)
            return constant.value if constant else None
        if token.kind == "raw":
            body = token.text[3:-3]
        elif token.kind == "string":
            body = _ESCAPE.sub(_unescaped, token.text[1:-1])
        else:
            return None
        return None if self._templates and re.search(r"\$[A-Za-z_{]", token.text) else body

    def _find_constants(self) -> Iterator[tuple[str, Text]]:
        for at, token in enumerate(self.tokens[:-2]):
            if token.kind != "name" or self.tokens[at + 1].text not in ("=", ":"):
                continue
            start = self._after_equals(at)
            if start is None or self.tokens[start].kind not in ("string", "raw"):
                continue
            end = start + 1
            while (
                self.is_at(end, "+") and end + 1 < len(self.tokens) and self.tokens[end + 1].kind in ("string", "raw")
            ):
                end += 2
            value = self.string(start, end)
            if isinstance(value, Text) and not self.is_at(end, "+") and not self.is_at(end, "."):
                yield token.text, value


def _unambiguous(found: Iterator[tuple[str, Text]]) -> dict[str, Text]:
    """Without names that are set to different texts in different places."""
    constants: dict[str, Text] = {}
    several = set()
    for name, value in found:
        if constants.setdefault(name, value).value != value.value:
            several.add(name)
    return {name: value for name, value in constants.items() if name not in several}


def _closings(tokens: Sequence[Token]) -> dict[int, int]:
    found: dict[int, int] = {}
    stack: list[int] = []
    for index, token in enumerate(tokens):
        if token.kind != "mark":
            continue
        if token.text in _CLOSING:
            stack.append(index)
        elif stack and token.text == _CLOSING[tokens[stack[-1]].text]:
            found[stack.pop()] = index
    return found


def _tokens(text: str) -> Iterator[Token]:
    line, last = 1, 0
    for found in _TOKEN.finditer(text):
        line += text.count("\n", last, found.start())
        last = found.start()
        if found.lastgroup != "comment":
            yield Token(found.lastgroup or "mark", found[0], line)


def _unescaped(found: re.Match[str]) -> str:
    if found[2]:
        number = int(found[2], 16)
        return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else "?"
    return {"n": "\n", "t": "\t", "r": "\r"}.get(found[1], found[1])
