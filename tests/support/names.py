"""Host names as people and generators write them into pin files, and the hosts that are asked about."""

from __future__ import annotations

import random

HOST = "api.example.com"
HOSTS = (
    HOST,
    "API.example.COM",
    f"{HOST}.",
    f"a.{HOST}",
    "a.b.example.com",
    "example.com",
    "xn--mnchen-3ya.example",
    "kelvin.example",
    "192.0.2.1",
    "2001:db8::1",
    "com",
)
WRITTEN = (
    HOST,
    "API.Example.COM",
    f"{HOST}.",
    f"{HOST}..",
    f".{HOST}",
    ".example.com",
    "example.com",
    "example.com.",
    "EXAMPLE.com.",
    f" {HOST}",
    f"{HOST} ",
    f"\n\t{HOST}\n",
    f"{HOST}\u00a0",
    f"\u2003{HOST}",
    f"\u200b{HOST}",
    f"{HOST}\u3002",
    "api\u3002example.com",
    "\uff21\uff30\uff29.example.com",
    "api..example.com",
    "*.example.com",
    "api.*.com",
    "*",
    f"{HOST}:443",
    f"https://{HOST}",
    f"{HOST}/",
    "api%2eexample.com",
    "münchen.example",
    "MÜNCHEN.example",
    "mu\u0308nchen.example",
    "XN--MNCHEN-3YA.example",
    "straße.example",
    "\u212aelvin.example",
    "192.0.2.1",
    "192.0.2.1.",
    "2001:db8::1",
    "[2001:db8::1]",
    "2001:DB8:0::1",
    "a" * 64 + ".example.com",
    "com",
    ".",
)


def written(number: int) -> list[str]:
    """The list, and as many made from its pieces; always the same ones."""
    chance = random.Random(17)
    pieces = [
        "api",
        "example",
        "com",
        "EXAMPLE",
        ".",
        "..",
        " ",
        "\u00a0",
        "*",
        "münchen",
        "xn--mnchen-3ya",
        "a",
        ":",
        "-",
    ]
    made = []
    for _ in range(number):
        name = chance.choice([HOST, "example.com", "xn--mnchen-3ya.example"])
        for _ in range(chance.randint(1, 3)):
            at = chance.randint(0, len(name))
            name = name[:at] + chance.choice(pieces) + name[at + chance.randint(0, 1) :]
        made.append(name)
    return list(dict.fromkeys((*WRITTEN, *made)))
