"""Envoy: verify_certificate_spki and verify_certificate_hash of a validation context. Read only."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from pindrill.pinfiles import digests
from pindrill.pinfiles.model import DeclaredPin, PinRule
from pindrill.pinfiles.pin_file import InText, PinFile, PinFormat
from pindrill.pinfiles.pin_text import PinReading, read_pin
from pindrill.pinfiles.rules import Notes
from pindrill.pinfiles.source import Source

_SPKI, _HASH = "verify_certificate_spki", "verify_certificate_hash"
_TRUST = ("trusted_ca", "ca_certificate_provider_instance")
_MAX_DEPTH = 100
_MAX_NODES = 30_000
_REFUSED = "Envoy refuses the configuration"
_SPKI_READING = PinReading(
    decode=digests.strict,
    undecodable=_REFUSED,
    wrong_length=_REFUSED,
    crashes_undecodable=True,
    crashes_wrong_length=True,
)
_HASH_READING = PinReading(
    decode=digests.hexadecimal,
    undecodable=_REFUSED,
    wrong_length=_REFUSED,
    crashes_undecodable=True,
    crashes_wrong_length=True,
)


def _has(text: str) -> bool:
    return _SPKI in text or _HASH in text


class _TooMuch(Exception):
    pass


class _Bounded(yaml.SafeLoader):
    """Nodes with lines; aliases are not followed twice, depth and number are limited."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = self.nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        self.depth += 1
        self.nodes += 1
        if self.depth > _MAX_DEPTH or self.nodes > _MAX_NODES:
            raise _TooMuch
        try:
            return super().compose_node(parent, index)  # type: ignore[arg-type]
        finally:
            self.depth -= 1


def _read(source: Source) -> list[PinFile]:
    notes = Notes(source.path)
    rules: list[PinRule] = []
    crash = ""
    for context in _contexts(_documents(source)):
        for key, of, reading in ((_SPKI, "spki", _SPKI_READING), (_HASH, "certificate", _HASH_READING)):
            if key not in context:
                continue
            rule, reason = _read_list(context, key, of, reading, notes)
            crash = crash or reason
            rules.append(rule)
    if not rules:
        raise source.refuse(1, f"no {_SPKI} or {_HASH} in it", "give Envoy's configuration as YAML or JSON")
    return [PinFile(path=source.path, format=ENVOY, rules=tuple(rules), findings=notes.done(), crash=crash)]


def _documents(source: Source) -> list[yaml.Node]:
    loader, found = None, []
    try:
        loader = _Bounded(source.text())
        while loader.check_node():
            node = loader.get_node()
            found += [node] if node is not None else []
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise source.refuse(line, f"not YAML: {error.problem}", "mend the YAML there") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise source.refuse(1, f"not YAML: {str(error).splitlines()[0][:120]}", "save it as UTF-8 YAML") from error
    except _TooMuch as error:
        raise source.refuse(1, "nested too deep or too many values", "give the part with the pins") from error
    return found


def _contexts(nodes: list[yaml.Node]) -> Iterator[dict[str, yaml.Node]]:
    """Every mapping that holds one of the lists; each node once, however often an alias names it."""
    seen: set[int] = set()
    todo = list(reversed(nodes))
    while todo:
        node = todo.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            todo += reversed(node.value)
        elif isinstance(node, yaml.MappingNode):
            keyed = {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}
            if _SPKI in keyed or _HASH in keyed:
                yield keyed
            todo += [value for _, value in reversed(node.value)]


def _read_list(
    context: dict[str, yaml.Node], key: str, of: str, reading: PinReading, notes: Notes
) -> tuple[PinRule, str]:
    node = context[key]
    line = node.start_mark.line + 1
    validates = any(each in context for each in _TRUST)
    if not validates:
        notes.add(
            "validation-off",
            line,
            f"{key} without trusted_ca",
            effect="the certificate chain is not verified: the pin alone decides",
            fix="add trusted_ca beside it",
        )
    entries = node.value if isinstance(node, yaml.SequenceNode) else [node]
    texts = [entry for entry in entries if isinstance(entry, yaml.ScalarNode)]
    read = [read_pin(entry.value, entry.start_mark.line + 1, reading, notes) for entry in texts]
    pins: tuple[DeclaredPin, ...] = tuple(each.pin for each in read)
    rule = PinRule(
        domain="",
        pins=pins,
        position="leaf",
        of="spki" if of == "spki" else "certificate",
        mode="restrict" if validates else "replace",
        check_host=validates,
        line=line,
    )
    return rule, next((each.crash for each in read if each.crash), "")


ENVOY = PinFormat(
    name="envoy",
    title="Envoy",
    page="envoy.md",
    meaning="Only the server's own certificate is compared; a hit in either list accepts. "
    "Without trusted_ca the chain is not verified.",
    found=InText(has=_has, read=_read),
    backed_up_by="its file",
)
