"""
Let's Encrypt's rate limits: token buckets (GCRA), kept as when each is full again.

After letsencrypt.org/docs/rate-limits and its server's own arithmetic: what is over
says how many, of what, in which time, and when to come again; of several the one that
takes longest.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from reconciler.sandbox.acme_names import registered
from reconciler.sandbox.acme_seeds import LimitSeed
from reconciler.sandbox.acme_words import Ca, Problem, stamp

#: What sums of floating point may be off by, in seconds.
_ROUNDING: Final = 1e-6
DOCS: Final = "https://letsencrypt.org/docs/rate-limits/#"
_SAYS: Final = {
    "accountsPerAddress": (
        "too many new registrations ({n}) from this IP address in the last {t}",
        "new-registrations-per-ip-address",
    ),
    "ordersPerAccount": (
        "too many new orders ({n}) from this account in the last {t}",
        "new-orders-per-account",
    ),
    "certificatesPerDomain": (
        'too many certificates ({n}) already issued for "{of}" in the last {t}',
        "new-certificates-per-registered-domain",
    ),
    "certificatesPerSet": (
        (
            "too many certificates ({n}) already issued for this exact set of "
            "identifiers in the last {t}"
        ),
        "new-certificates-per-exact-set-of-identifiers",
    ),
    "failuresPerIdentifier": (
        'too many failed authorizations ({n}) for "{of}" in the last {t}',
        "authorization-failures-per-identifier-per-account",
    ),
}


class Draw(NamedTuple):
    """
    One token of one bucket.

    Attributes:
        of: Whose bucket it is, as shown.
        who: What is not shown of it (an account).
    """

    limit: str
    of: str
    who: str = ""

    @property
    def key(self) -> str:
        """The bucket's name."""
        return f"{self.limit}|{self.who}|{self.of}"


def for_order(ca: Ca, account: str, names: Sequence[str], *, renewal: bool) -> None:
    """
    Take what a new order costs.

    Only the order itself is taken; certificates and failures are counted when they
    happen, and looked at here. *renewal*: the same names had a certificate before.

    Raises:
        Problem: rateLimited; nothing was taken.
    """
    orders = [] if renewal else [Draw("ordersPerAccount", account)]
    looked = [Draw("failuresPerIdentifier", name, account) for name in names]
    if not renewal:
        looked += [Draw("certificatesPerDomain", one) for one in _domains(ca, names)]
    looked.append(Draw("certificatesPerSet", ",".join(names)))
    refuse(ca, [*orders, *looked])
    take(ca, orders)


def for_certificate(ca: Ca, names: Sequence[str], *, renewal: bool) -> None:
    """Count a certificate; it is there, so nothing is refused any more."""
    domains = [] if renewal else _domains(ca, names)
    drawn = [Draw("certificatesPerDomain", one) for one in domains]
    take(ca, [*drawn, Draw("certificatesPerSet", ",".join(names))])


def for_account(ca: Ca, address: str) -> None:
    """Take what a new account costs; raise Problem where there were too many."""
    drawn = [Draw("accountsPerAddress", address)]
    refuse(ca, drawn)
    take(ca, drawn)


def failed(ca: Ca, account: str, name: str) -> None:
    """Count a failed validation; too many in a row pause the name."""
    take(ca, [Draw("failuresPerIdentifier", name, account)])
    row = [Draw("consecutiveFailures", name, account)]
    if _refused(ca, row):
        ca.state["paused"][f"{account}|{name}"] = stamp(ca.now)
    take(ca, row)


def succeeded(ca: Ca, account: str, name: str) -> None:
    """Begin the row of failures anew."""
    ca.state["buckets"].pop(Draw("consecutiveFailures", name, account).key, None)


def paused(ca: Ca, account: str, names: Iterable[str]) -> None:
    """
    Refuse names that are paused.

    Raises:
        Problem: rateLimited, without a time: only a person ends it.
    """
    found = [name for name in names if f"{account}|{name}" in ca.state["paused"]]
    if found:
        portal = f"{ca.seed.website.rstrip('/')}/sfe/v1/unpause?account={account}"
        raise Problem(
            "rateLimited",
            "Your account is temporarily prevented from requesting certificates for "
            f"{', '.join(found)} and possibly others. Please visit: {portal}",
            429,
        )


def refuse(ca: Ca, drawn: Sequence[Draw]) -> None:
    """Raise Problem where a bucket has no token; of several, the last to have one."""
    short = _refused(ca, drawn)
    if not short:
        return
    wait, draw = max(short, key=lambda one: one[0])
    limit = ca.seed.limits[draw.limit]
    said, anchor = _SAYS[draw.limit]
    text = said.format(n=limit.burst, of=draw.of, t=_spoken(limit.period))
    # A whole second later it is certain that the token is there.
    again = math.floor(ca.now.timestamp() + wait) + 1
    when = stamp(again).replace("T", " ").replace("Z", " UTC")
    raise Problem(
        "rateLimited",
        f"{text}, retry after {when}: see {DOCS}{anchor}",
        429,
        headers={"retry-after": str(math.ceil(again - ca.now.timestamp()))},
    )


def take(ca: Ca, drawn: Iterable[Draw]) -> None:
    """Take a token of each, even where none is left."""
    now, buckets = ca.now.timestamp(), ca.state["buckets"]
    for draw in drawn:
        limit = ca.seed.limits.get(draw.limit)
        if limit is not None:
            full = max(now, buckets.get(draw.key, 0.0))
            most = now + limit.period.total_seconds()
            buckets[draw.key] = min(full + _every(limit), most)


def _refused(ca: Ca, drawn: Iterable[Draw]) -> list[tuple[float, Draw]]:
    """Return the buckets without a token, and the seconds until there is one."""
    now, buckets = ca.now.timestamp(), ca.state["buckets"]
    found: list[tuple[float, Draw]] = []
    for draw in drawn:
        limit, full = ca.seed.limits.get(draw.limit), buckets.get(draw.key)
        if limit is None or full is None:
            continue
        wait = max(now, full) + _every(limit) - limit.period.total_seconds() - now
        if wait > _ROUNDING:
            found.append((wait, draw))
    return found


def _every(limit: LimitSeed) -> float:
    return limit.period.total_seconds() / limit.burst


def _domains(ca: Ca, names: Sequence[str]) -> list[str]:
    return sorted({registered(name, ca.seed.suffixes) for name in names})


def _spoken(period: timedelta) -> str:
    """Return a time as Go writes it, as in 168h0m0s."""
    minutes, seconds = divmod(int(period.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{seconds}s"
