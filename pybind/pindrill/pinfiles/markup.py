"""XML with line numbers, from text or from Android's binary form, into one small tree."""

from __future__ import annotations

import io
import logging
import struct
import xml.sax
import xml.sax.handler
import xml.sax.xmlreader
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import defusedxml
import defusedxml.sax

from pindrill.pinfiles.source import MAX_MEMBER, Source

MAX_DEPTH = 64
MAX_ELEMENTS = 100_000
_BINARY_XML = b"\x03\x00\x08\x00"
_NO_STRING = 0xFFFFFFFF
_TYPE_STRING, _TYPE_FIRST_INT, _TYPE_LAST_INT, _TYPE_BOOLEAN, _TYPE_REFERENCE = 3, 16, 31, 18, 1


@dataclass
class Element:
    tag: str
    line: int
    attributes: Mapping[str, str | int | bool] = field(default_factory=dict)
    """Texts; numbers and booleans where binary XML has typed values."""
    text: str = ""
    """Its own, without that of its children."""
    children: list[Element] = field(default_factory=list)

    def of(self, tag: str) -> list[Element]:
        return [child for child in self.children if child.tag == tag]

    def string(self, name: str) -> str | None:
        value = self.attributes.get(name)
        return None if value is None else str(value)


def is_binary_xml(data: bytes) -> bool:
    return data.startswith(_BINARY_XML)


def parse(source: Source) -> Element:
    return _parse_binary(source) if is_binary_xml(source.data) else _parse_text(source)


class _TooMuch(Exception):
    pass


class _Builder(xml.sax.handler.ContentHandler):
    def __init__(self) -> None:
        super().__init__()
        self.root: Element | None = None
        self.open: list[Element] = []
        self.texts: list[list[str]] = []
        self.count = 0
        self.locator: xml.sax.xmlreader.Locator | None = None

    def setDocumentLocator(self, locator: xml.sax.xmlreader.Locator) -> None:  # noqa: N802
        self.locator = locator

    @property
    def line(self) -> int:
        return (self.locator.getLineNumber() or 1) if self.locator else 1

    def startElement(self, name: str, attrs: xml.sax.xmlreader.AttributesImpl) -> None:  # noqa: N802
        self.start(Element(name, self.line, dict(attrs.items())))

    def endElement(self, name: str) -> None:  # noqa: N802
        self.open.pop().text = "".join(self.texts.pop())

    def characters(self, content: str) -> None:
        if self.texts:
            self.texts[-1].append(content)

    def start(self, element: Element) -> None:
        self.count += 1
        if len(self.open) >= MAX_DEPTH or self.count > MAX_ELEMENTS:
            raise _TooMuch
        if self.open:
            self.open[-1].children.append(element)
        elif self.root is None:
            self.root = element
        self.open.append(element)
        self.texts.append([])


def _parse_text(source: Source) -> Element:
    builder = _Builder()
    try:
        # Entities are what bombs are made of. A plist has a DOCTYPE that names a file, which the parser leaves alone.
        defusedxml.sax.parse(io.BytesIO(source.data), builder, forbid_entities=True, forbid_external=False)
    except defusedxml.DefusedXmlException as error:
        raise source.refuse(builder.line, "it declares entities", "write the text itself, without entities") from error
    except _TooMuch as error:
        raise source.refuse(builder.line, "nested too deep or too many elements", "give the pin file itself") from error
    except xml.sax.SAXParseException as error:
        line = error.getLineNumber() or 1
        raise source.refuse(line, f"not well-formed XML: {error.getMessage()}", "mend the XML there") from error
    except (xml.sax.SAXException, ValueError, LookupError) as error:
        raise source.refuse(builder.line, f"cannot be read as XML: {error}", "save it as UTF-8 XML") from error
    if builder.root is None:
        raise source.refuse(1, "no element in it", "give the XML file itself")
    return builder.root


def _parse_binary(source: Source) -> Element:
    # Imported where it is needed: it takes longer to load than most files take to read.
    from pyaxmlparser.axmlparser import AXMLParser  # noqa: PLC0415

    # What the library logs about a file is said by the error raised here.
    logging.getLogger("pyaxmlparser").setLevel(logging.CRITICAL)
    broken = source.refuse(1, "broken binary XML", "give the APK as it was built, or the XML from the source tree")
    if len(source.data) > MAX_MEMBER:
        raise broken
    builder = _Builder()
    try:
        _walk(AXMLParser(source.data), builder)
    except _TooMuch as error:
        raise source.refuse(1, "nested too deep or too many elements", "give the pin file itself") from error
    except (struct.error, ValueError, IndexError, KeyError, AttributeError, TypeError, AssertionError) as error:
        raise broken from error
    if builder.root is None or builder.open:
        raise broken
    return builder.root


_START_TAG, _END_TAG, _TEXT, _END_DOCUMENT = 2, 3, 4, 1
"""Events, numbered as in Android's XmlPullParser."""


def _walk(parser: Any, builder: _Builder) -> None:
    while parser.is_valid():
        event = next(parser)
        if event == _START_TAG:
            builder.start(Element(parser.name, parser.m_lineNumber, _attributes(parser)))
        elif event == _END_TAG:
            builder.endElement("")
        elif event == _TEXT:
            builder.characters(parser.sb[parser.m_name])
        elif event == _END_DOCUMENT:
            return
    raise ValueError("not valid")


def _attributes(parser: Any) -> dict[str, str | int | bool]:
    """As the platform's resource parser gives them; a name in a name space has it in front."""
    found: dict[str, str | int | bool] = {}
    raw = parser.m_attributes
    for at in range(0, len(raw), 5):
        namespace, name, text, kind, data = raw[at : at + 5]
        key = parser.sb[name] if namespace == _NO_STRING else f"android:{parser.sb[name]}"
        if kind == _TYPE_STRING:
            found[key] = parser.sb[text if text != _NO_STRING else data]
        elif kind == _TYPE_BOOLEAN:
            found[key] = data != 0
        elif _TYPE_FIRST_INT <= kind <= _TYPE_LAST_INT:
            found[key] = data
        elif kind == _TYPE_REFERENCE:
            found[key] = f"@0x{data:08x}"
        elif text != _NO_STRING:
            found[key] = parser.sb[text]
    return found
