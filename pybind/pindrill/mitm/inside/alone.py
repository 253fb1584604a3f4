"""In anybody's set-up: a verdict per destination as traffic comes, by the audit's rules.

mitmproxy shows its own certificates, as ever: the tester's CA. With `--set pindrill_controls=true` some connections
are passed through, and some are shown a self-signed certificate or the genuine ones beside mitmproxy's, as the audit's
schedule wants it: without such controls a refusal proves nothing, and nothing can be called pinned.
"""

from __future__ import annotations

import base64
import logging
import re
from collections import deque
from itertools import count
from typing import Any, cast

from cryptography import x509
from mitmproxy import ctx, version
from mitmproxy.proxy.layers import TCPLayer

from pindrill.audits.facts import Condition, Contact, Destination, Question, Way
from pindrill.audits.schedule import Schedule
from pindrill.audits.showing import STAPLED
from pindrill.audits.verdict import AuditVerdict, judge
from pindrill.mitm.told import misled
from pindrill.model import ClientHello

from .client_streams import watch_streams
from .engine import credential_engine, watch
from .facts import Facts
from .hello import read_client_hello, whole_hello
from .hooks import CURRENT, Listens
from .minted import Issuer, self_signed
from .stapled import Stapler

_KEPT = 60
"""Contacts of a destination that are judged: the newest."""
_ENOUGH_TO_FIND = 34
_GREW = re.compile(r"\d+ \w+|once|twice")
"""Of a reason: one more of the same is no news."""
_OFFERED = (Condition.PASS_THROUGH, Condition.TRUSTED_CA, Condition.SELF_SIGNED, *sorted(STAPLED))


class Alone(Listens):
    def __init__(self) -> None:
        self._numbers = count(1)
        self._contacts: dict[Destination, deque[Contact]] = {}
        self._said: dict[Destination, str] = {}
        self._noted: set[tuple[Destination, str]] = set()
        self._facts: dict[str, Facts] = {}
        self._genuine: dict[Destination, list[str]] = {}
        """What genuine servers present, PEM each, leaf first."""
        self._stapler: Stapler | None = None
        self._schedule = Schedule(per_start=False, offered=_OFFERED, chain_known=self._genuine.__contains__)

    def load(self, loader: Any) -> None:
        loader.add_option(
            "pindrill_controls",
            bool,
            False,
            "Pass some connections through, and show some a self-signed certificate, so that refusals can be judged.",
        )

    def running(self) -> None:
        if not ctx.options.pindrill_controls:
            _say(
                "pindrill: mitmproxy's certificates are shown to everybody, so it is seen what can be read; whether a "
                "refusal is pinning takes controls as well: --set pindrill_controls=true"
            )

    # --- a connection ----------------------------------------------------------------------------------------------

    def client_connected(self, client: Any) -> None:
        mode = getattr(client, "proxy_mode", None)
        way = {"regular": "proxy", "socks5": "socks", "reverse": "reverse"}.get(
            getattr(mode, "type_name", ""), "transparent"
        )
        facts = Facts(next(self._numbers), way, client.peername[0])
        self._facts[client.id] = facts
        CURRENT.set(facts)
        watch_streams(client, facts)

    def client_disconnected(self, client: Any) -> None:
        facts = self._facts.pop(client.id, None)
        if facts and facts.port and (facts.hello or facts.plaintext):
            self._note(facts)

    def next_layer(self, nextlayer: Any) -> None:
        """A connection that mitmproxy ignores tells no other hook that it speaks TLS."""
        facts = CURRENT.get()
        if facts is None or facts.decided or not isinstance(nextlayer.layer, TCPLayer):
            return
        body = whole_hello(nextlayer.data_client())
        if body:
            self._greeted(facts, body, nextlayer.context)
            facts.decide(Condition.PASS_THROUGH.value, passing=True, hello=body[:_ENOUGH_TO_FIND])

    def tls_clienthello(self, data: Any) -> None:
        facts = CURRENT.get()
        if facts is None or facts.decided:
            return
        body = data.client_hello.raw_bytes(wrap_in_record=False)
        self._greeted(facts, body, data.context)
        condition = self._condition(facts)
        passing = condition is Condition.PASS_THROUGH
        facts.decide(condition.value, passing=passing, hello=body[:_ENOUGH_TO_FIND])
        if passing:
            data.ignore_connection = True

    def tls_start_client(self, data: Any) -> None:
        facts = CURRENT.get()
        if facts is None:
            return
        if credential := self._credential(facts):
            data.ssl_conn = credential_engine(credential, data.context.server.alpn, facts)
        if data.ssl_conn:
            watch(data.ssl_conn, facts, alerts_from_errors=credential is None)

    def tls_established_server(self, data: Any) -> None:
        facts = CURRENT.get()
        if facts and data.conn.certificate_list:
            genuine = [each.to_pem().decode() for each in data.conn.certificate_list]
            self._genuine.setdefault(Destination(facts.host, facts.port), genuine)

    def _credential(self, facts: Facts) -> dict[str, str] | None:
        """None: mitmproxy's own."""
        if facts.label == Condition.SELF_SIGNED.value:
            return self_signed(facts.host)
        if facts.label not in STAPLED:
            return None
        if self._stapler is None:
            store = ctx.master.addons.get("tlsconfig").certstore
            ca = x509.load_pem_x509_certificate(store.default_ca.to_pem())
            self._stapler = Stapler(Issuer(ca, store.default_privatekey))
        genuine = self._genuine[Destination(facts.host, facts.port)]
        return self._stapler.credential(Condition(facts.label), facts.host, genuine)

    def _greeted(self, facts: Facts, body: bytes, context: Any) -> None:
        facts.hello = read_client_hello(body)
        if context.server.address and not facts.port:
            facts.host, facts.port = context.server.address[:2]
        facts.host = facts.hello["sni"].lower().rstrip(".") or facts.host

    def _condition(self, facts: Facts) -> Condition:
        if not ctx.options.pindrill_controls or facts.hello is None:
            return Condition.TRUSTED_CA
        question = Question(
            id=facts.id,
            way=cast(Way, facts.way),
            client=facts.client,
            destination=Destination(facts.host, facts.port),
            hello=ClientHello.from_dict(facts.hello),
        )
        return self._schedule.next(question)

    # --- what it comes to ------------------------------------------------------------------------------------------

    def _note(self, facts: Facts) -> None:
        values = facts.to_json()
        seen = values["seen"]
        contact = Contact.from_dict(
            {
                **{name: value for name, value in values.items() if name not in _NO_CONTACT},
                "plaintext": base64.b64decode(values["plaintext"]),
                "answered_at": seen["response_sent_at"],
            }
        )
        self._schedule.note(contact)
        self._contacts.setdefault(contact.destination, deque(maxlen=_KEPT)).append(contact)
        for verdict in judge([each for contacts in self._contacts.values() for each in contacts]):
            self._tell(verdict)
        self._tell_of(facts, contact)

    def _tell(self, verdict: AuditVerdict) -> None:
        said = {"pinned": "pinned (pin or private trust anchor)"}.get(verdict.word.value, verdict.word.value)
        gist = said + _GREW.sub("", verdict.reason)
        if self._said.get(verdict.destination) != gist:
            self._said[verdict.destination] = gist
            _say(f"pindrill: {verdict.destination} {said}: {verdict.reason}")

    def _tell_of(self, facts: Facts, contact: Contact) -> None:
        """What this connection shows of mitmproxy rather than of the client."""
        wrong = misled(facts.own_event, contact.seen) if facts.own_event else ""
        notes = [f"mitmproxy's own event would mislead here: {wrong}"] if wrong else []
        notes += [f"not known to mitmproxy here: {', '.join(facts.unknown)}"] if facts.unknown else []
        for note in notes:
            if (contact.destination, note) not in self._noted:
                self._noted.add((contact.destination, note))
                _say(f"pindrill: {contact.destination} ({note})")


_NO_CONTACT = ("listener", "own_event", "unknown", "delivered_at")


def _say(text: str) -> None:
    if int(version.VERSION.partition(".")[0]) >= 9:
        logging.getLogger("pindrill").warning(text)
    else:
        ctx.log.warn(text)
