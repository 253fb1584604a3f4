"""A command as it may stand in a report: what looks like a secret is left out, and the command says so.

Nothing is sure here: a secret without a name beside it, in a form that nobody knows, stays. Linear in its length.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from pindrill.model.shapes import is_word

LEFT_OUT = "<left out>"
NOTE = f"  # put back what is {LEFT_OUT}: secrets of a command are not kept"

_SECRETS = frozenset({
    "authorization", "auth", "bearer", "cookie", "cookies", "token", "tokens", "secret", "secrets", "password",
    "passwd", "passphrase", "passcode", "pass", "pwd", "credential", "credentials", "jwt", "otp", "apikey",
    "accesskey", "secretkey", "privatekey", "signingkey", "authkey", "sessionid", "sessionkey", "session", "sid",
    "signature", "sas",
})  # fmt: skip
_KEYS = frozenset(("api", "access", "secret", "private", "signing", "auth", "session", "subscription", "functions"))
_USERS = frozenset(("u", "U", "a", "user", "proxy-user", "http-user"))
"""Options whose value may be NAME:PASSWORD."""
_SCHEMES = frozenset(("bearer", "basic", "digest", "negotiate", "token", "apikey"))
_KNOWN = re.compile(
    r"(?:eyJ|gh[opsur]_|github_pat_|glpat-|xox[abeprs]-|sk-|sk_|pk_|rk_|AKIA|ASIA|AIza|ya29\.|npm_|hf_).*"
)
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_QUOTES = ('\\"', "\\'", '"', "'")
_VALUE_END = re.compile(r"[\s'\"&;|<>(){},]")
_LINE_END = re.compile(r"['\"\n\r]")
_PLACEHOLDER = re.compile(r"\{[a-z_0-9]*\}|\$\{?[A-Za-z_][A-Za-z0-9_]*\}?|" + re.escape(LEFT_OUT))
_FILE = re.compile(
    r"(?:[~.]{0,2}/|@).*|.*\.(?:pem|key|der|p12|pfx|jks|bks|crt|cer|json|txt|toml|yaml|yml|env|py|sh)", re.S
)
_URL_END = re.compile(r"[\s'\"<>|;()]")
_SPACE = re.compile(r"\s")
_LONG = 16
"""Characters; a part of a path in a URL that is no word and as long as this is taken for a secret."""
_SHORTEST = 6
"""Of what follows `Bearer`: shorter is a word of a sentence."""
_LONGEST_HARMLESS = 256
"""Characters. A longer value is left out without a look at what it is."""
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def told_command(words: Sequence[str]) -> str:
    """For a shell."""
    told = [*_told_words(words)]
    command = shlex.join(told)
    return command + NOTE if told != list(words) else command


def _told_words(words: Sequence[str]) -> list[str]:
    told: list[str] = []
    asks = ""
    for word in words:
        if asks and not word.startswith("-"):
            told.append(_option_value(asks, word))
            asks = ""
            continue
        told.append(told_text(word))
        asks = _asking(word)
    return told


def _asking(word: str) -> str:
    """The name of an option whose value, in the next word, may be a secret."""
    name = word.lstrip("-")
    if not word.startswith("-") or not name or "=" in name:
        return ""
    return name if name in _USERS or name == "b" or is_secret_name(name) else ""


def _option_value(option: str, value: str) -> str:
    if option in _USERS:
        user, colon, password = value.partition(":")
        if colon and not password.startswith("//") and not _harmless(password):
            return f"{user}:{LEFT_OUT}"
        return told_text(value)
    if option in ("b", "cookie") and "=" not in value:  # a file of curl's
        return told_text(value)
    return value if _harmless(value) else LEFT_OUT


def is_secret_name(name: str) -> bool:
    """By its last part or two: `X-Api-Key`, `client_secret`, `accessToken`; not `token-file` or `pass-through`."""
    parts = [part for part in re.split(r"[_.-]", _CAPITAL.sub("_", name.strip("-_.")).lower()) if part]
    if not parts:
        return False
    last = parts[-1].rstrip("0123456789")
    before = parts[-2] if len(parts) > 1 else ""
    return last in _SECRETS or before + last in _SECRETS or (last == "key" and before in _KEYS)


def _harmless(value: str) -> bool:
    """A placeholder, or a file."""
    if not value or _PLACEHOLDER.fullmatch(value):
        return True
    return len(value) <= _LONGEST_HARMLESS and bool(_FILE.fullmatch(value)) and not _SPACE.search(value)


def told_text(text: str) -> str:
    """One word of a command, or a whole script: with the secrets left out."""
    out: list[str] = []
    place = 0
    while found := _NAME.search(text, place):
        out.append(text[place : found.start()])
        name, place = found[0], found.end()
        if text.startswith("://", place):
            end = _end(_URL_END, text, place)
            out.append(_told_url(name, text[place + 3 : end]))
            place = end
            continue
        start, end = _value(text, name, place)
        if end > start:
            out += [name, text[place:start], LEFT_OUT]
            place = end
        else:
            out.append(LEFT_OUT if len(name) >= _LONG and _KNOWN.match(name) else name)
    return "".join([*out, text[place:]])


def _value(text: str, name: str, place: int) -> tuple[int, int]:
    """Where the secret begins and ends that this name announces; twice the same where there is none."""
    nothing = place, place
    option = name.startswith("-")
    bare = name.lstrip("-")
    quote = _quote_at(text, place) if not option else ""
    at = _skip_blanks(text, place + len(quote)) if quote else place
    separator = text[at : at + 1]
    if quote and separator not in (":", "="):
        return nothing
    if bare.lower() in _SCHEMES and separator == " " and not option:
        start = _skip_blanks(text, place)
        end = _end(_VALUE_END, text, start)
        return (start, end) if end - start >= _SHORTEST and not _harmless(text[start:end]) else nothing
    attached = option and not name.startswith("--") and len(bare) > 1
    if attached and bare[0] in _USERS and separator == ":":
        return place + 1, _end(_VALUE_END, text, place)
    header = separator == ":" and (not option or attached)
    user = option and bare in _USERS
    if not (user or is_secret_name(bare[1:] if attached and bare[0] == "H" else bare)):
        return nothing
    if separator not in (":", "=", " ") or (separator == " " and not option):
        return nothing
    start, end = _quoted(text, _skip_blanks(text, at + 1), _LINE_END if header else _VALUE_END)
    value = text[start:end]
    if separator == " " and value.startswith("-"):
        return nothing
    if user:
        before, colon, password = value.partition(":")
        known = not colon or not password or password.startswith("//") or _harmless(password)
        return nothing if known else (start + len(before) + 1, end)
    return nothing if _harmless(value.strip()) else (start, end)


def _quote_at(text: str, place: int) -> str:
    return next((each for each in _QUOTES if text.startswith(each, place)), "")


def _quoted(text: str, start: int, bare_end: re.Pattern[str]) -> tuple[int, int]:
    """A value that begins here, without its quotes."""
    quote = _quote_at(text, start)
    if not quote:
        return start, _end(bare_end, text, start)
    start += len(quote)
    closing = text.find(quote, start)
    return start, closing if closing >= 0 else len(text)


def _told_url(scheme: str, rest: str) -> str:
    address, question, query = rest.partition("?")
    authority, slash, path = address.partition("/")
    user, at, host = authority.rpartition("@")
    if at and not _PLACEHOLDER.fullmatch(user):
        authority = f"{LEFT_OUT}@{host}"
    segments = [LEFT_OUT if len(each) >= _LONG and not _plain(each) else each for each in path.split("/")]
    pairs = [_told_pair(each) for each in query.split("&")]
    return f"{scheme}://{authority}{slash}{'/'.join(segments)}{question}{'&'.join(pairs)}"


def _told_pair(pair: str) -> str:
    name, equals, value = pair.partition("=")
    if equals:
        return pair if not value or (_plain(value) and not is_secret_name(name)) else f"{name}={LEFT_OUT}"
    return pair if _plain(pair) else LEFT_OUT


def _plain(value: str) -> bool:
    return not value or is_word(value) or bool(_PLACEHOLDER.fullmatch(value) or re.fullmatch(r"\d{1,4}", value))


def _skip_blanks(text: str, place: int) -> int:
    while text[place : place + 1] in (" ", "\t"):
        place += 1
    return place


def _end(pattern: re.Pattern[str], text: str, place: int) -> int:
    found = pattern.search(text, place)
    return found.start() if found else len(text)
