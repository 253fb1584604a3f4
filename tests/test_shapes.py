"""What is told of a request line: words, never values."""

from __future__ import annotations

import base64
import random
import string
import time
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pindrill.model import Observation
from pindrill.model.shapes import is_word, told_request_line
from support.facts import requested

WORDS = """
account accounts address admin analytics api app assets auth authentication authorize avatar basket billing
bookmarks cart catalog categories checkout comments config configuration contacts countries customers dashboard
details devices discover documents download events export favourites feed feedback files friends graphql groups
health history home images inbox index invoices items languages library login logout media members messages
metrics navigation news notifications oauth2 offers orders password payments people permissions photos
preferences products profile promotions public purchase query receipts recommendations refresh register reports
reset reviews search security session settings signup static statistics status stores subscriptions suggestions
support telemetry terms timeline token transactions translations update upload user users validate verify
version video videos wallet web wishlist forgot-password change_password terms-and-conditions privacy-policy
.well-known robots.txt index.html main.css v1 v2.1 v10 ipv6
""".split()  # noqa: SIM905
VALUES = (
    "42", "2024", "00442071234567", "john@example.com", "deadbeef", "0a1b2c3d4e5f", str(uuid.UUID(int=7 << 90)),
    "aGVsbG8gd29ybGQ", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "%41%42", "user42", "JohnDoe", "a=b",
    "sid;jsessionid=1", "qzxkvbwpl", "xkcdqjzvbnmp", "hunter2", "é", "a" * 41, "one-two-three-four-five-six",
    "v1234", "DE89370400440532013000",
)  # fmt: skip


@pytest.mark.parametrize("word", WORDS)
def test_a_word_stays(word: str) -> None:
    assert told_request_line(f"GET /{word} HTTP/1.1") == f"GET /{word} HTTP/1.1"


@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_told_by_its_length(value: str) -> None:
    line = f"POST /login/{value}/details HTTP/1.1"
    assert told_request_line(line) == f"POST /login/<{len(value)} chars>/details HTTP/1.1".replace(
        "<1 chars>", "<1 char>"
    )


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", ""),
        ("GET / HTTP/1.1", "GET / HTTP/1.1"),
        ("OPTIONS * HTTP/1.0", "OPTIONS * HTTP/1.0"),
        ("PROPFIND /files HTTP/1.1", "PROPFIND /files HTTP/1.1"),
        ("hunter2 / HTTP/1.1", "<method> / HTTP/1.1"),
        ("GET /<secret>?<redacted> HTTP/1.1", "GET /<secret>?<redacted> HTTP/1.1"),
        ("GET /x<secret>4711 HTTP/1.1", "GET /x<secret><4 chars> HTTP/1.1"),
        ("GET /a?id=4711 HTTP/1.1", "GET /a?<redacted> HTTP/1.1"),
        ("GET http://me:pw@shop.test:80/a/4711 HTTP/1.1", "GET http://<5 chars>@shop.test:80/a/<4 chars> HTTP/1.1"),
        ("GET http://[::1]:80/a HTTP/1.1", "GET http://[::1]:80/a HTTP/1.1"),
        ("CONNECT shop.test:443 HTTP/1.1", "CONNECT shop.test:443 HTTP/1.1"),
        ("CONNECT pw@shop.test:443 HTTP/1.1", "CONNECT <2 chars>@shop.test:443 HTTP/1.1"),
        ("GET /a/4711", "GET /a/<4 chars>"),
        ("GET /a 4711 HTTP/1.1", "GET /<6 chars> HTTP/1.1"),
        ("GET /login HTTP/4711", "GET /<10 chars>/<4 chars>"),
        ("GET " + "/a" * 30 + " HTTP/1.1", "GET " + "/a" * 23 + "/<13 chars> HTTP/1.1"),
    ],
)  # fmt: skip
def test_the_line(line: str, told: str) -> None:
    assert told_request_line(line) == told


@given(st.text(max_size=300))
def test_told_again_it_stays(text: str) -> None:
    once = told_request_line(text)
    assert told_request_line(once) == once


@given(st.binary(min_size=9, max_size=60), st.sampled_from(["b64", "b32", "hex", "digits", "percent"]))
@settings(max_examples=300)
def test_an_encoded_value_is_never_told(value: bytes, encoding: str) -> None:
    text = {
        "b64": base64.urlsafe_b64encode(value).decode().rstrip("="),
        "b32": base64.b32encode(value).decode().rstrip("="),
        "hex": value.hex(),
        "digits": str(int.from_bytes(value, "big")),
        "percent": "".join(f"%{each:02x}" for each in value),
    }[encoding]
    assert text not in told_request_line(f"GET /reset/{text} HTTP/1.1")
    assert text not in told_request_line(f"GET http://shop.test/{text}/x HTTP/1.1")


@pytest.mark.parametrize(("length", "most"), [(12, 0.005), (16, 0.001), (28, 0.0)])
def test_random_letters_are_hardly_ever_a_word(length: int, most: float) -> None:
    chance = random.Random(length)
    texts = ["".join(chance.choices(string.ascii_lowercase, k=length)) for _ in range(20_000)]
    assert sum(map(is_word, texts)) <= most * len(texts)


@pytest.mark.parametrize(
    "part", ["/a", "/4", "<", "<secret>", "<secret>/", "?", "@", "://", " ", "a.", "-", "%", "/<1 chars>"]
)
def test_it_is_linear(part: str) -> None:
    def took(times: int) -> float:
        line = "GET " + part * times
        start = time.process_time()
        told_request_line(line)
        return time.process_time() - start

    assert took(200_000) < 2


def test_every_observation_is_told_so() -> None:
    facts = {**vars(requested(request_line="GET /login/4711 HTTP/1.1")), "hello": None}
    assert Observation.from_dict(facts).request_line == "GET /login/<4 chars> HTTP/1.1"
