"""A command in a report: repeatable, without its secrets."""

from __future__ import annotations

import shlex
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pindrill.model.told_command import LEFT_OUT, NOTE, told_command, told_text

S = "hunter2-Zk9Qx"
LEAVES_OUT = [
    ["curl", "-H", f"Authorization: Bearer {S}"],
    ["curl", "-H", f"authorization:Basic {S}"],
    ["curl", f"-HX-Api-Key: {S}"],
    ["curl", "--header", f"Cookie: sid={S}; other={S}"],
    ["curl", f"--header=X-Auth-Token: {S}"],
    ["http", "GET", "{url}", f"X-Amz-Security-Token:{S}"],
    ["curl", "-u", f"me:{S}"],
    ["curl", f"-ume:{S}"],
    ["curl", "--user", f"me:{S}"],
    ["curl", f"--user=me:{S}"],
    ["curl", "--proxy-user", f"me:{S}"],
    ["curl", "-b", f"sid={S}"],
    ["curl", "--cookie", f"sid={S}"],
    ["curl", "--oauth2-bearer", S],
    ["wget", f"--password={S}"],
    ["wget", f"--http-password={S}"],
    ["app", "--password", S],
    ["app", "--api-key", S],
    ["app", f"--clientSecret={S}"],
    ["app", f"https://me:{S}@shop.test/"],
    ["app", f"https://{S}@shop.test/"],
    ["app", f"https://shop.test/?token={S}"],
    ["app", f"https://shop.test/?q=news&next={S}"],
    ["app", f"https://shop.test/?{S}"],
    ["app", f"https://hooks.shop.test/services/{S}{S}/x"],
    ["env", f"API_TOKEN={S}", "app"],
    ["--env", f"GITHUB_TOKEN={S}", "--", "app"],
    ["env", f"AWS_SECRET_ACCESS_KEY={S}", "app"],
    ["app", f"ghp_{S}{S}"],
    ["app", f"eyJhbGciOiJIUzI1NiJ9.{S}.sig"],
    ["curl", "-d", f"user=me&password={S}&x=1"],
    ["curl", "-d", f'{{"user": "me", "password": "{S}"}}'],
    ["curl", "-d", f"{{'accessToken' : '{S}'}}"],
    ["sh", "-c", f"API_TOKEN={S} exec app"],
    ["sh", "-c", f"export PASSWORD='{S} {S}'; app"],
    ["sh", "-c", f"curl -u me:{S} --token {S} 'https://me:{S}@shop.test/' -H 'Cookie: a={S}'"],
    ["sh", "-c", f'curl -d "{{\\"password\\": \\"{S}\\"}}"'],
    ["audit", "--trigger", f"adb shell am start -e token={S}"],
]
STAYS = [
    ["curl", "-sS", "--cacert", "{ca_file}", "--pinnedpubkey", "{pins_curl}", "{url}"],
    ["python", "-u", "demo.py", "--pass-through"],
    ["app", "--token-file", "x.tok", "--auth-type", "basic", "--key", "client.key", "--private-key=keys/client.pem"],
    ["app", "--password=$PASSWORD", "--api-key", "{pins}", "--token", "${TOKEN}"],
    ["curl", "-b", "cookies.txt", "-u", "me", "https://shop.test/v1/orders?page=2&sort=name"],
    ["sh", "-c", 'cat "$1" >"$HOME/trust.pem" && exec app "$HOME/trust.pem"', "sh", "{ca_file}"],
    ["audit", "--host", "shop.test", "--port", "8443", "--seed", "7", "--keyring", "keys", "--android", "com.shop.app"],
    ["app", "--monkey", "turkey", "--keystore", "x.jks", "the bearer of news: good"],
    ["drill", "--only", "interception/genuine-leaf-appended", "--tls", "1.3", "--strategy", "leaf-spki+backup"],
]


@pytest.mark.parametrize("words", LEAVES_OUT, ids=" ".join)
def test_a_secret_is_left_out_and_the_command_says_so(words: list[str]) -> None:
    told = told_command(words)
    assert S not in told
    assert LEFT_OUT in told
    assert told.endswith(NOTE)
    again = shlex.split(told, comments=True)
    assert len(again) == len(words)
    assert told_command(again) == told.removesuffix(NOTE)


@pytest.mark.parametrize("words", STAYS, ids=" ".join)
def test_what_is_no_secret_stays(words: list[str]) -> None:
    assert told_command(words) == shlex.join(words)


def test_what_stands_beside_a_secret_stays() -> None:
    told = told_command(
        ["curl", "-u", f"me:{S}", "-H", f"Cookie: a={S}", f"https://me:{S}@shop.test/v1/orders?token={S}&page=2"]
    )
    url = f"https://{LEFT_OUT}@shop.test/v1/orders?token={LEFT_OUT}&page=2"
    assert shlex.split(told, comments=True) == ["curl", "-u", f"me:{LEFT_OUT}", "-H", f"Cookie: {LEFT_OUT}", url]


VALUE = st.text("abcdefghijkABCDEFGH0123456789+/=_-.~!", min_size=8, max_size=40).map(lambda text: f"s{text}z9")
PLACES = st.sampled_from(
    [
        "Authorization: Bearer {}", "X-Api-Key: {}", "--password={}", "API_TOKEN={}", "https://me:{}@shop.test/",
        "https://shop.test/?access_token={}", 'sh -c "PASSWORD={} app"', "curl --token '{}' x", '{{"secret":"{}"}}',
    ]
)  # fmt: skip


@given(PLACES, VALUE, st.text("ab =&'\"", max_size=12))
@settings(max_examples=300)
def test_a_named_secret_is_never_told(place: str, value: str, before: str) -> None:
    value = value.replace("/", "q") if "://" in place else value
    assert value not in told_text(f"{before} {place.format(value)}")


@given(st.lists(st.text(max_size=40), max_size=8))
def test_any_command_is_told(words: list[str]) -> None:
    told = told_command(words)
    assert len(shlex.split(told.removesuffix(NOTE))) == len(words)


@pytest.mark.parametrize(
    "part",
    ["token=/", "token=", "-u ", "-u '", "token: ", "a://", "Bearer ", '"token":', "-", "token=$A ", "--token ",
     "key=a.pem ", "\\\"", "https://a/?", "aA", "@", "token='", "-u a"],
)  # fmt: skip
def test_it_is_linear(part: str) -> None:
    start = time.process_time()
    told_text(part * 50_000)
    assert time.process_time() - start < 3
