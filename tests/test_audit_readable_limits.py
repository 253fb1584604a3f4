"""What was readable of hostile and cut requests: never a value among the names, never without bound, and told where it
was not read."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable

import pytest
from hpack import Encoder
from hyperframe.frame import ContinuationFrame, DataFrame, HeadersFrame
from pindrill.audits.facts import Readable, ReadableKind, in_order
from pindrill.audits.readable import LARGEST, drop_plaintext, summarise
from support.contacts import read
from support.readable import (
    COOKIES,
    FORM,
    PREFACE,
    SECRET,
    found,
    h2_headers,
    h2_request,
    headers_frame,
    replace_seen,
    request,
    websocket,
)
from wsproto import ConnectionType, WSConnection
from wsproto.events import Request, TextMessage

# --- hostile ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        request(path=f"/?{SECRET}"),
        request(path=f"/?{SECRET}%20123456789=1"),
        request(Cookie=f"{SECRET}; a=1"),
        request(Authorization=f"{SECRET}{SECRET} x"),
        request("POST", body=SECRET.encode(), Content_Type=FORM),
        request("POST", body=json.dumps({f"{SECRET}@mail.example": 1}).encode(), Content_Type="application/json"),
        request("POST", body=b"x", Content_Type=f"{SECRET} {SECRET}"),
        request(path=f"/{SECRET}"),
        request(X_A=SECRET),
        h2_request(h2_headers(pseudo_path=f"/{SECRET}/1 2", content_type="application/grpc"), DataFrame(1, b"x" * 9)),
        f"{SECRET}\x00 is no HTTP at all".encode(),
        f"GET /{SECRET} HTTP/1.1\r\n{SECRET}".encode(),
    ],
    ids=range(12),
)
def test_no_value_is_told_as_a_name(data: bytes) -> None:
    assert summarise(data)
    assert SECRET not in repr(summarise(data))


def test_names_that_look_like_numbers_of_somebody() -> None:
    assert found(request(path="/?p4915112345678=1&field_2024=2"), ReadableKind.QUERY) == [
        ("(unusual name)", 1),
        ("field_2024", 1),
    ]


def test_bytes_of_another_protocol() -> None:
    assert summarise(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00") == (Readable(ReadableKind.OTHER, "bytes", 14),)


def test_nothing() -> None:
    assert summarise(b"") == ()


SAMPLES: tuple[Callable[[], bytes], ...] = (
    lambda: request("POST", "/x?a=b", json.dumps({"a": SECRET}).encode(), Content_Type="application/json"),
    lambda: h2_request(h2_headers(pseudo_path="/", cookie=COOKIES), DataFrame(1, b"abc")),
    lambda: websocket(TextMessage(data=SECRET)),
)


@pytest.mark.parametrize("sample", SAMPLES, ids=["h1", "h2", "websocket"])
def test_cut_anywhere_and_garbled(sample: Callable[[], bytes]) -> None:
    data, chance = sample(), random.Random(7)
    for end in range(len(data)):
        summarise(data[:end])
    for _ in range(500):
        garbled = bytearray(data)
        for _ in range(3):
            garbled[chance.randrange(len(garbled))] = chance.randrange(256)
        summarise(bytes(garbled))


@pytest.mark.parametrize(
    "data",
    [
        request("POST", body=b"[" * 60_000, Content_Type="application/json"),
        request("POST", body=b'{"a":' * 12_000, Content_Type="application/json"),
        request("POST", body=b'{"a":' + b"9" * 60_000 + b"}", Content_Type="application/json"),
        request("POST", body=b"&".join(b"n%d=" % n for n in range(9000)), Content_Type=FORM),
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 3000,
        b"GET / HTTP/1.1\r\nA: " + b"x" * 200_000,
        PREFACE + b"".join(HeadersFrame(n, Encoder().encode([("a" * 99, "b")])).serialize() for n in range(1, 999, 2)),
    ],
    ids=["nested lists", "nested objects", "large number", "fields", "requests", "header", "h2 streams"],
)
def test_large_input_is_bounded(data: bytes) -> None:
    assert sum(each.kind is not ReadableKind.UNREAD for each in summarise(data)) <= 200
    assert summarise(data) == summarise(data[:LARGEST])


# --- what is over a limit, or cannot be read, is told as such --------------------------------------------------


def test_a_small_header_block_that_decodes_to_a_large_one() -> None:
    bomb = headers_frame(Encoder().encode([("x-a", "b" * 4000)]) + b"\xbe" * 60_000)
    assert found(h2_request(bomb), ReadableKind.HEADER) == [("x-a", 4000)]
    ((why, length),) = found(h2_request(bomb), ReadableKind.UNREAD)
    assert why == "HTTP/2, more than 64 KiB of headers in one block, decoded"
    assert 59_000 < length < 60_000


def test_headers_that_go_on_after_their_end_are_not_decoded_again() -> None:
    block = headers_frame(Encoder().encode([("cookie", COOKIES)]) + b"\x82" * 1000)
    data = h2_request(block, *[ContinuationFrame(1, b"", flags=["END_HEADERS"])] * 7000)
    began = time.process_time()
    assert found(data, ReadableKind.COOKIE) == [("session", len(SECRET)), ("theme", 4)]
    assert time.process_time() - began < 1, "linear: it takes milliseconds"
    assert found(data, ReadableKind.UNREAD)[0][0] == "HTTP/2, malformed: CONTINUATION out of place"


def test_a_header_block_without_an_end() -> None:
    whole = Encoder().encode([("cookie", COOKIES), ("authorization", "Bearer " + "x" * 100)])
    for end in range(40, len(whole)):
        data = h2_request(HeadersFrame(1, whole[:20]), ContinuationFrame(1, whole[20:end]))
        assert found(data, ReadableKind.COOKIE) == [("session", len(SECRET)), ("theme", 4)]
        assert found(data, ReadableKind.UNREAD)[0][0] == "HTTP/2, a header that was cut"
        assert found(h2_request(HeadersFrame(1, whole))[: end - len(whole)], ReadableKind.COOKIE)


def test_part_of_a_first_header_is_not_nothing() -> None:
    data = h2_request(HeadersFrame(1, Encoder().encode([("cookie", COOKIES)])[:15]))
    assert found(data) == [("HTTP/2, a header that was cut", 15)]


def test_a_table_that_only_the_server_knows_of() -> None:
    """Its SETTINGS may allow more than 4096; the client's update says so."""
    encoder = Encoder()
    encoder.header_table_size = 16_384
    first = h2_headers(1, encoder, **{f"x_{n}": f"{n}" * 3000 for n in range(4)})
    second = h2_headers(3, encoder, x_0="0" * 3000, cookie=COOKIES)
    assert len(second.data) < 60
    data = h2_request(first, second)
    assert found(data, ReadableKind.COOKIE) == [("session", len(SECRET)), ("theme", 4)]
    assert found(data, ReadableKind.UNREAD) == []


def test_priority_and_padding_of_headers() -> None:
    block = Encoder().encode([("cookie", COOKIES)])
    frame = HeadersFrame(1, block, pad_length=9, flags=["PADDED", "PRIORITY", "END_HEADERS"])
    frame.depends_on, frame.stream_weight = 0, 15
    assert found(h2_request(frame)) == [("session", len(SECRET)), ("theme", 4)]


def test_frames_of_other_types_are_not_nothing() -> None:
    unknown = len(SECRET).to_bytes(3) + b"\x42\0\0\0\0\1" + SECRET.encode()
    assert found(h2_request() + unknown) == [("HTTP/2 frames of other types", len(SECRET))]


def test_websocket_over_h2() -> None:
    upgrade = WSConnection(ConnectionType.CLIENT).send(Request(host="app.pin.test", target="/chat"))
    messages = websocket(TextMessage(data=SECRET))[len(upgrade) :]
    headers = h2_headers(pseudo_method="CONNECT", pseudo_protocol="websocket", pseudo_path="/chat")
    assert found(h2_request(headers, DataFrame(1, messages)), ReadableKind.MESSAGE) == [("WebSocket text", len(SECRET))]


def test_h2_after_an_upgrade() -> None:
    data = request(Connection="Upgrade, HTTP2-Settings", Upgrade="h2c", HTTP2_Settings="AAMAAABk")
    assert found(data + h2_request(h2_headers(3, cookie=COOKIES)), ReadableKind.COOKIE) == [
        ("session", len(SECRET)),
        ("theme", 4),
    ]


def test_more_requests_and_names_than_are_told() -> None:
    pipelined = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    assert found(pipelined * 201, ReadableKind.UNREAD) == [("HTTP/1, more than 200 requests", len(pipelined))]
    assert found(pipelined * 200, ReadableKind.UNREAD) == []
    names = request("POST", body=b"&".join(b"n%d=xx" % n for n in range(300)), Content_Type=FORM)
    ((why, length),) = found(names, ReadableKind.UNREAD)
    assert (why, length % 2) == ("more than 200 names", 0)


def test_what_comes_after_malformed_http1() -> None:
    chunked = b"POST / HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert found(chunked + b"!\r\nsecret", ReadableKind.COOKIE) == [("a", 1)]
    assert found(chunked + b"!\r\nsecret", ReadableKind.UNREAD)[0][0] == "HTTP/1, malformed"
    bad_head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nCookie: a=b\r\nContent-Length: 7\r\n\r\nsecret"
    assert found(bad_head, ReadableKind.UNREAD) == [("HTTP/1, malformed", 6)]


def test_more_bytes_than_are_kept() -> None:
    data = request("POST", body=b"x" * 2 * LARGEST, Content_Type="image/png")
    contact = drop_plaintext(replace_seen(read(plaintext=data[:LARGEST]), data_bytes=len(data)))
    assert contact.readable[0] == Readable(ReadableKind.UNREAD, "after the first 64 KiB", len(data) - LARGEST)
    assert any(each.kind is ReadableKind.BODY for each in contact.readable)
    lost = drop_plaintext(replace_seen(read(), data_bytes=7))
    assert lost.readable == (Readable(ReadableKind.UNREAD, "not kept: too much came at once", 7),)


def test_what_was_not_read_is_told_first_and_each_reason_once() -> None:
    found = [
        Readable(ReadableKind.BODY, "a", 1),
        Readable(ReadableKind.UNREAD, "why", 7),
        Readable(ReadableKind.UNREAD, "why", 9),
    ]
    assert in_order(found) == (Readable(ReadableKind.UNREAD, "why", 9), Readable(ReadableKind.BODY, "a", 1))


def test_the_plaintext_is_dropped() -> None:
    contact = drop_plaintext(read(plaintext=request(Cookie=COOKIES)))
    assert contact.plaintext == b""
    assert Readable(ReadableKind.COOKIE, "theme", 4) in contact.readable
