"""
The servers of a zone, each asked by itself what TXT values it has.

Never through a resolver: what it has not yet, it would not look for again for a while.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode

from reconciler.errors import ProviderError, Transient
from reconciler.providers._names import Names, authoritative, text_of, values
from reconciler.providers._octodns_texts import Values

_TIMEOUT: Final = 3.0
_PORT: Final = 53
_ANSWERS: Final = {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}


class Server(NamedTuple):
    """
    One server of a zone.

    Attributes:
        label: What people call it.
        ask: Returns its answer to a question for TXT; raises Transient.
    """

    label: str
    ask: Callable[[str], dns.message.Message]

    def texts(self, names: Iterable[str]) -> Values | None:
        """Return the values that it has at *names*; None where it serves none of it."""
        found: dict[str, frozenset[str]] = {}
        for name in names:
            try:
                answer = self.ask(name)
            except Transient:
                return None
            if answer.rcode() not in _ANSWERS or not authoritative(answer):
                return None
            found[name] = frozenset(map(text_of, values(answer, name, "TXT")))
        return found


def delegated(names: Names, zone: str) -> list[Server]:
    """
    Return the servers that the world is sent to for *zone*.

    Raises:
        Transient: The DNS above it does not answer.
    """
    found = []
    for server in names.delegated(zone).servers:
        for address in server.addresses or _addresses(names, server.host):
            label = f"{server.host} ({address})"
            found.append(Server(label, _asker(names, address)))
    return found


def _addresses(names: Names, host: str) -> tuple[str, ...]:
    try:
        return names.addresses(host)
    except ProviderError:
        return ()


def _asker(names: Names, address: str) -> Callable[[str], dns.message.Message]:
    return lambda name: names.ask(address, name, "TXT")


def declared(places: str) -> list[Server]:
    """
    Return the servers of an account that says where they are.

    Args:
        places: Addresses, each perhaps with a port: ``192.0.2.1, [2001:db8::1]:5300``.
    """
    return [_at(place.strip()) for place in places.split(",") if place.strip()]


def _at(place: str) -> Server:
    if place.startswith("["):
        where, _, rest = place.removeprefix("[").partition("]")
        port = rest.removeprefix(":")
    else:
        where, port = place.split(":") if place.count(":") == 1 else (place, "")
    number = int(port) if port.isdigit() else _PORT

    def ask(name: str) -> dns.message.Message:
        query = dns.message.make_query(name, "TXT", use_edns=0, payload=1232)
        query.flags &= ~dns.flags.RD
        try:
            answer, _ = dns.query.udp_with_fallback(
                query, where, _TIMEOUT, number, ignore_unexpected=True
            )
        except (OSError, ValueError, dns.exception.DNSException, EOFError) as error:
            raise Transient(f"{place}: no answer ({type(error).__name__})") from None
        return answer

    return Server(place, ask)


def missing(
    wanted: Values, said: Sequence[tuple[Server, Values | None]]
) -> dict[str, str]:
    """
    Return the names whose values not every server has, and which one lacks them.

    A server that does not answer for the zone holds nothing up as long as another does:
    who looks a name up goes on to the next one, too.
    """
    known = [(server.label, has) for server, has in said if has is not None]
    if not known:
        return dict.fromkeys(wanted, "no server of the zone answers")
    found: dict[str, str] = {}
    for name, texts in wanted.items():
        late = [label for label, has in known if not texts <= has[name]]
        if late:
            found[name] = f"{late[0]} does not show it yet"
    return found
