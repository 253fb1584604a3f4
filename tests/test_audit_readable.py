"""What was readable: requests made by real libraries, cut anywhere; never a value among the names."""

from __future__ import annotations

import http.client
import json
import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from hpack import Encoder
from hyperframe.frame import ContinuationFrame, DataFrame, Frame, HeadersFrame, SettingsFrame
from pindrill.audits.facts import Contact, Readable, ReadableKind, in_order
from pindrill.audits.readable import LARGEST, drop_plaintext, summarise
from support.contacts import read
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, Event, Message, Request, TextMessage
from wsproto.extensions import Extension, PerMessageDeflate

SECRET = "S3cretValueOfSomebody"
FORM = "application/x-www-form-urlencoded"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
COOKIES = f"session={SECRET}; theme=dark"


def request(
    method: str = "GET", path: str = "/", body: bytes | None = None, *, chunked: bool = False, **headers: Any
) -> bytes:
    """What the standard library's client sends."""
    sent = bytearray()

    class Wire:
        def sendall(self, data: bytes) -> None:
            sent.extend(data)

        def close(self) -> None:
            pass

    connection = http.client.HTTPConnection("app.pin.test")
    connection.sock = Wire()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, iter([body or b""]) if chunked else body, named, encode_chunked=chunked)
    return bytes(sent)


def h2_request(*frames: Frame) -> bytes:
    return PREFACE + SettingsFrame(0).serialize() + b"".join(frame.serialize() for frame in frames)


def headers_frame(block: bytes) -> HeadersFrame:
    frame = HeadersFrame(1, block)
    frame.flags.add("END_HEADERS")
    return frame


def h2_headers(stream: int = 1, encoder: Encoder | None = None, **headers: str) -> HeadersFrame:
    named = [(name.replace("pseudo_", ":").replace("_", "-"), value) for name, value in headers.items()]
    frame = HeadersFrame(stream, (encoder or Encoder()).encode(named))
    frame.flags.add("END_HEADERS")
    return frame


def websocket(*events: Event, extensions: list[Extension] | None = None) -> bytes:
    connection = WSConnection(ConnectionType.CLIENT)
    data = connection.send(Request(host="app.pin.test", target="/chat", extensions=extensions or []))
    # The server's answer, as the other side of the same library gives it.
    server = WSConnection(ConnectionType.SERVER)
    server.receive_data(data)
    list(server.events())
    accepted: list[Extension] = [PerMessageDeflate()] if extensions else []
    connection.receive_data(server.send(AcceptConnection(extensions=accepted)))
    list(connection.events())
    return data + b"".join(connection.send(event) for event in events)


def found(data: bytes, kind: ReadableKind | None = None) -> list[tuple[str, int]]:
    return [(each.name, each.length) for each in summarise(data) if kind in (None, each.kind)]


def replace_seen(contact: Contact, **facts: Any) -> Contact:
    return replace(contact, seen=replace(contact.seen, **facts))


# --- HTTP/1 ----------------------------------------------------------------------------------------------------


def test_cookies() -> None:
    assert found(request(Cookie=COOKIES), ReadableKind.COOKIE) == [("session", len(SECRET)), ("theme", 4)]


@pytest.mark.parametrize("scheme", ["Bearer", "Basic", "Digest", "AWS4-HMAC-SHA256"])
def test_authorization_by_scheme(scheme: str) -> None:
    assert found(request(Authorization=f"{scheme} {SECRET}"), ReadableKind.AUTHORIZATION) == [(scheme, len(SECRET))]


def test_authorization_without_a_scheme() -> None:
    assert found(request(Authorization=SECRET), ReadableKind.AUTHORIZATION) == [("(no scheme)", len(SECRET))]


def test_headers() -> None:
    assert ("x-api-key", len(SECRET)) in found(request(X_Api_Key=SECRET), ReadableKind.HEADER)
    assert ("host", len("app.pin.test")) in found(request(), ReadableKind.HEADER)


def test_query_fields() -> None:
    path = "/x?" + urlencode({"user": "a b", "token": SECRET}) + "#top"
    assert found(request(path=path), ReadableKind.QUERY) == [("token", len(SECRET)), ("user", 3)]


def test_the_path_by_its_length() -> None:
    assert found(request("PUT", f"/{SECRET}?a=b"), ReadableKind.PATH) == [("PUT", len(SECRET) + 1)]
    assert found(b"GET /abc HTTP/1.1\r\n", ReadableKind.PATH) == [("GET", 4)]
    assert found(h2_request(h2_headers(pseudo_method="GET", pseudo_path="/abc?d")), ReadableKind.PATH) == [("GET", 4)]


def test_form_fields() -> None:
    body = urlencode({"name": "ä b", "password": SECRET}).encode()
    data = request("POST", body=body, Content_Type="application/x-www-form-urlencoded; charset=utf-8")
    assert found(data, ReadableKind.FIELD) == [("name", 3), ("password", len(SECRET))]


@pytest.mark.parametrize("media_type", ["application/json", "application/vnd.api+json"])
def test_json_fields_of_the_top_level(media_type: str) -> None:
    body = json.dumps({"user": {"name": "x"}, "password": SECRET, "age": 7}).encode()
    data = request("POST", body=body, Content_Type=media_type)
    assert found(data, ReadableKind.FIELD) == [("age", 1), ("password", len(SECRET)), ("user", len('{"name": "x"}'))]


def test_chunked_body() -> None:
    body = json.dumps({"password": SECRET}).encode()
    data = request("POST", body=body, chunked=True, Content_Type="application/json")
    assert b"Transfer-Encoding: chunked" in data
    assert found(data, ReadableKind.FIELD) == [("password", len(SECRET))]


@pytest.mark.parametrize(
    ("body", "headers", "name"),
    [
        (b"\x00" * 9, {"Content_Type": "image/png"}, "image/png"),
        (b"\x00" * 9, {}, "(no type)"),
        (b'["a", 99]', {"Content_Type": "application/json"}, "application/json"),
        (
            b'{"a":"b"}',
            {"Content_Type": "application/json", "Content_Encoding": "gzip"},
            "application/json, compressed",
        ),
        (b"[" * 9, {"Content_Type": "application/json"}, "application/json"),
    ],
)
def test_other_bodies_by_their_type(body: bytes, headers: dict[str, Any], name: str) -> None:
    assert found(request("POST", body=body, **headers), ReadableKind.BODY) == [(name, 9)]


def test_several_requests_on_one_connection() -> None:
    data = request(Cookie="a=1") + request("POST", body=b"x=1", Cookie="b=22") + request(Cookie="a=333")
    assert found(data, ReadableKind.COOKIE) == [("a", 3), ("b", 2)]


def test_a_head_that_was_cut_in_a_value() -> None:
    data = f"GET /x?token={SECRET} HTTP/1.1\r\nCookie: session={SECRET}".encode()
    assert found(data, ReadableKind.QUERY) == [("token", len(SECRET))]
    assert found(data, ReadableKind.COOKIE) == [("session", len(SECRET))]


def test_a_head_that_was_cut_in_a_name() -> None:
    assert found(b"GET / HTTP/1.1\r\nHost: a\r\nAuthor", ReadableKind.HEADER) == [("host", 1)]


def test_a_body_that_was_cut() -> None:
    data = request("POST", body=json.dumps({"password": SECRET}).encode(), Content_Type="application/json")[:-5]
    assert found(data, ReadableKind.FIELD) == []
    assert found(data, ReadableKind.BODY) == [("application/json", len('{"password": ""}') + len(SECRET) - 5)]


# --- HTTP/2 and gRPC -------------------------------------------------------------------------------------------


def test_h2_request() -> None:
    frame = h2_headers(
        pseudo_method="GET", pseudo_path=f"/x?token={SECRET}", cookie=COOKIES, authorization="Bearer abc"
    )
    data = h2_request(frame)
    assert found(data, ReadableKind.COOKIE) == [("session", len(SECRET)), ("theme", 4)]
    assert found(data, ReadableKind.AUTHORIZATION) == [("Bearer", 3)]
    assert found(data, ReadableKind.QUERY) == [("token", len(SECRET))]
    assert found(data, ReadableKind.HEADER) == []


def test_h2_body_in_several_frames() -> None:
    body = json.dumps({"password": SECRET}).encode()
    headers = h2_headers(pseudo_path="/", content_type="application/json")
    padded = DataFrame(1, body[5:], pad_length=7, flags=["PADDED"])
    assert found(h2_request(headers, DataFrame(1, body[:5]), padded), ReadableKind.FIELD) == [("password", len(SECRET))]


def test_h2_headers_that_go_on() -> None:
    whole = h2_headers(pseudo_path="/", cookie=COOKIES).data
    last = ContinuationFrame(1, whole[5:], flags=["END_HEADERS"])
    assert found(h2_request(HeadersFrame(1, whole[:5]), last), ReadableKind.COOKIE) == [
        ("session", len(SECRET)),
        ("theme", 4),
    ]


def test_h2_streams_share_a_table() -> None:
    encoder = Encoder()
    first = h2_headers(1, encoder, pseudo_path="/", cookie="a=1", x_key="k")
    second = h2_headers(3, encoder, pseudo_path="/", cookie="b=1", x_key="k")
    assert found(h2_request(first, second), ReadableKind.COOKIE) == [("a", 1), ("b", 1)]


def test_h2_body_that_was_cut() -> None:
    headers = h2_headers(pseudo_path="/", content_type="image/png")
    assert found(h2_request(headers, DataFrame(1, b"x" * 100))[:-30], ReadableKind.BODY) == [("image/png", 70)]


def test_h2_preface_alone() -> None:
    assert summarise(h2_request()) == ()
    assert summarise(PREFACE[:9]) == ()


def test_grpc_messages() -> None:
    message = b"\x00" + (12).to_bytes(4, "big") + b"m" * 12
    headers = h2_headers(pseudo_path="/shop.v1.Cart/Add", content_type="application/grpc", authorization="Bearer x")
    data = h2_request(headers, DataFrame(1, message), DataFrame(1, message))
    assert found(data, ReadableKind.MESSAGE) == [("gRPC /shop.v1.Cart/Add", 24)]
    assert found(data, ReadableKind.AUTHORIZATION) == [("Bearer", 1)]


def test_grpc_message_that_was_cut() -> None:
    headers = h2_headers(pseudo_path="/a.B/C", content_type="application/grpc")
    cut = DataFrame(1, b"\x00" + (1 << 30).to_bytes(4, "big") + b"m" * 12)
    assert found(h2_request(headers, cut), ReadableKind.MESSAGE) == [("gRPC /a.B/C", 12)]


# --- WebSocket -------------------------------------------------------------------------------------------------


def test_websocket_messages() -> None:
    data = websocket(TextMessage(data=SECRET), BytesMessage(data=b"\x00" * 300), TextMessage(data="x"))
    assert found(data, ReadableKind.MESSAGE) == [("WebSocket binary", 300), ("WebSocket text", len(SECRET))]


def test_websocket_message_in_fragments() -> None:
    parts: tuple[Message[str], ...] = (TextMessage(data="abc", message_finished=False), TextMessage(data="de"))
    assert found(websocket(*parts), ReadableKind.MESSAGE) == [("WebSocket text", 5)]


def test_websocket_message_that_was_cut() -> None:
    assert found(websocket(BytesMessage(data=b"\x00" * 300))[:-100], ReadableKind.MESSAGE) == [
        ("WebSocket binary", 200)
    ]


def test_compressed_websocket_messages_are_told_by_their_bytes() -> None:
    data = websocket(TextMessage(data=SECRET * 9), extensions=[PerMessageDeflate()])
    ((name, length),) = found(data, ReadableKind.MESSAGE)
    assert name == "WebSocket, compressed or malformed"
    assert 0 < length < len(SECRET) * 9


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
