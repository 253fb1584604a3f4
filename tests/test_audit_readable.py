"""What was readable: requests made by real libraries, read to their names and lengths."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hpack import Encoder
from hyperframe.frame import ContinuationFrame, DataFrame, HeadersFrame
from pindrill.audits.facts import ReadableKind
from pindrill.audits.readable import summarise
from support.readable import COOKIES, PREFACE, SECRET, found, h2_headers, h2_request, request, websocket
from wsproto.events import BytesMessage, Message, TextMessage
from wsproto.extensions import PerMessageDeflate

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
