"""Dates of certificates, from now on: what issues is valid whenever what it issues is.

A client may look at dates at another time than now. Only then is that time the one thing wrong with an expired
certificate: at any time within its dates its issuers must be valid as well. Roots and intermediates get usual dates
from the core, years on both sides; a root that was kept or imported may have begun later, or end sooner.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from pindrill import _core

Dates = tuple[timedelta, timedelta]
"""Not before and not after."""
ANY_TIME = "any-time"
"""Of a root, behind `@`: its certificate that is valid for decades on both sides."""
_FIRST, _LAST = datetime(1970, 1, 2, tzinfo=UTC), datetime(2037, 12, 31, tzinfo=UTC)
"""What a client with 32 bits for a time can tell."""
_MARGIN = timedelta(minutes=1)


def within(issuer: _core.Certificate, dates: Dates) -> Dates:
    """Shortened to the issuer's own. An issuer that is not valid now is itself what is wrong, and shortens nothing."""
    begin, end = dates
    now = time.time()
    if issuer.not_before <= now:
        begin = max(begin, timedelta(seconds=issuer.not_before - now) + _MARGIN)
    if issuer.not_after > now:
        end = min(end, timedelta(seconds=issuer.not_after - now) - _MARGIN)
    return begin, end


def at_any_time(inside: timedelta = timedelta()) -> Dates:
    """Whatever a clock says. `inside`: so much shorter on both sides, for what is issued."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return _FIRST + inside - today, _LAST - inside - today
