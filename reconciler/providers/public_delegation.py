"""
The live DNS of a name: its delegation, every nameserver, its keys, its mail records.

Sources: RFC 1034 and 1912 (delegations and lame servers), RFC 4035 (DS and DNSKEY),
RFC 7208 (SPF), RFC 7489 (DMARC), RFC 8659 (CAA), RFC 8461 (MTA-STS: ``_mail``). How it
asks: ``_names``. What follows:

* Every nameserver of the parent's delegation is asked itself. One that has no address,
  does not answer, refuses or is not authoritative does not serve the zone; an address
  that cannot be reached from here proves nothing against one that can.
* A DS is stale where no key of any nameserver fits it. Keys count as live where every
  nameserver has them; where one could not be asked, nobody knows.
* Nothing of what is seen lasts longer than a day: actions are planned from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import dns.message
import dns.rcode
from pydantic import JsonValue

from reconciler.errors import ProviderError, Transient
from reconciler.kinds.domain import DelegationState, Domain
from reconciler.kinds.domain.dnssec import ds_of, ds_text, stands_for
from reconciler.kinds.domain.domain import as_domains
from reconciler.model import Account, Change, Observation, Witness
from reconciler.providers._looks import Habits, Looks
from reconciler.providers._mail import mail
from reconciler.providers._names import (
    Cut,
    Names,
    Server,
    authoritative,
    text_of,
    values,
)
from reconciler.providers._network import Network, NoRoute
from reconciler.providers._spf import lookups, spf
from reconciler.providers._web import Web

_ALIASES: Final = 10
_ZONE_KEY, _REVOKED, _ENTRY = 0x100, 0x80, 0x1


class _Served(NamedTuple):
    """
    What one nameserver says.

    Attributes:
        at: The address where it serves the zone; None where it does nowhere.
        keys: Its keys; None where it did not say.
    """

    at: str | None = None
    problem: str | None = None
    serial: int | None = None
    keys: frozenset[str] | None = None


class PublicDelegation(Witness[Domain]):
    """What the DNS shows to anyone."""

    def __init__(self, account: Account) -> None:
        self._account = account
        network = Network(account)
        self._names = Names(account, network)
        self._web = Web(account, network, self._names)
        habits = Habits(
            "delegation",
            DelegationState,
            mark=_mark,
            in_trouble=lambda state: bool(state.problems or state.stale_ds),
        )
        self._looks = Looks(account, account.endpoint or "", habits)

    def __repr__(self) -> str:
        return f"PublicDelegation({self._account.name})"

    def observe(self, wants: Sequence[Domain]) -> Observation:
        """Report what the DNS shows of each name, once a day."""
        return self._looks.observe(as_domains(wants), self._look)

    def touched(self, want: Domain, change: Change | None) -> None:
        """Look again after any change; see ``Witness``."""
        del change
        self._looks.forget(want)

    def _look(self, want: Domain) -> DelegationState:
        now, name = self._account.clock(), want.name
        cut = self._names.delegated(name)
        if not cut.servers:
            return DelegationState(seen=now, nameservers=frozenset())
        servers = cut.servers
        served = {server.host: self._server(name, server) for server in servers}
        good = next((one.at for one in served.values() if one.at), None)
        ds = self._ds(name, cut)
        every = served.values()
        keys = _keys(name, every)
        seen = DelegationState(
            seen=now,
            nameservers=frozenset(served),
            problems={h: one.problem for h, one in served.items() if one.problem},
            serials={host: one.serial for host, one in served.items()},
            parent_ds=ds,
            live_ds=_everywhere(name, every),
            dnskeys=keys,
            stale_ds=_stale(name, ds, every, keys),
        )
        return seen if good is None else self._contents(want, seen, good)

    # -- nameservers and keys -------------------------------------------------------

    def _server(self, name: str, server: Server) -> _Served:
        try:
            addresses = server.addresses or self._names.addresses(server.host)
        except ProviderError:
            return _Served(problem="its address cannot be found")
        problem: str | None = None if addresses else "it has no address"
        for address in addresses:
            try:
                answer = self._twice(address, name)
            except NoRoute:
                continue  # nothing is proven against it
            except Transient:
                problem = "no answer"
            else:
                soa = values(answer, name, "SOA")
                if authoritative(answer) and soa:
                    serial = int(soa[0].split()[2])
                    return _Served(address, None, serial, self._dnskeys(name, address))
                problem = _refusal(answer)
        return _Served(problem=problem)

    def _twice(self, address: str, name: str) -> dns.message.Message:
        """Ask for the zone's SOA; once more where nothing came: datagrams get lost."""
        try:
            return self._names.ask(address, name, "SOA")
        except NoRoute:
            raise
        except Transient:
            return self._names.ask(address, name, "SOA")

    def _dnskeys(self, name: str, address: str) -> frozenset[str] | None:
        """Return the keys that may sign the zone's keys; None where it does not say."""
        try:
            answer = self._names.ask(address, name, "DNSKEY")
        except Transient:
            return None
        if answer.rcode() != dns.rcode.NOERROR or not authoritative(answer):
            return None
        found = [_key(value) for value in values(answer, name, "DNSKEY")]
        usable = [
            k for k in found if _flags(k) & _ZONE_KEY and not _flags(k) & _REVOKED
        ]
        entry = [key for key in usable if _flags(key) & _ENTRY]
        return frozenset(entry or usable)

    def _ds(self, name: str, cut: Cut) -> frozenset[str] | None:
        """Return the DS records at the parent; None where they cannot be read."""
        for server in cut.above:
            for address in server.addresses or self._tried(server.host):
                try:
                    answer = self._names.ask(address, name, "DS")
                except Transient:
                    continue
                if answer.rcode() == dns.rcode.NOERROR and authoritative(answer):
                    found = (v.split(maxsplit=3) for v in values(answer, name, "DS"))
                    return frozenset(ds_text(*parts) for parts in found)
        return None

    def _tried(self, host: str) -> tuple[str, ...]:
        try:
            return self._names.addresses(host)
        except ProviderError:
            return ()

    # -- what is in the zone -------------------------------------------------------

    def _contents(
        self, want: Domain, seen: DelegationState, at: str
    ) -> DelegationState:
        """Return *seen* with what the zone says; what cannot be read is left out."""
        name = want.name
        child = self._at(at, name, "NS")
        texts = self._at(at, name, "TXT")
        caa = self._at(at, name, "CAA")
        records = None if texts is None else spf(tuple(sorted(map(text_of, texts))))
        return seen.model_copy(
            update={
                "child": None
                if child is None
                else frozenset(host.lower().removesuffix(".") for host in child),
                "spf": records,
                "spf_lookups": self._cost(records),
                "dmarc": self._dmarc(name),
                "caa": None if caa is None else bool(caa),
                "dangling": self._dangling(want, at),
                "mail": mail(self._names, self._web, name, self._at(at, name, "MX")),
            }
        )

    def _at(self, at: str, name: str, rtype: str) -> tuple[str, ...] | None:
        try:
            answer = self._names.ask(at, name, rtype)
        except Transient:
            return None
        known = answer.rcode() == dns.rcode.NOERROR and authoritative(answer)
        return values(answer, name, rtype) if known else None

    def _texts(self, name: str) -> tuple[str, ...]:
        return tuple(sorted(map(text_of, self._names.resolve(name, "TXT").values)))

    def _dmarc(self, name: str) -> tuple[str, ...] | None:
        try:
            found = self._texts(f"_dmarc.{name}")
        except ProviderError:
            return None
        return tuple(text for text in found if text.lower().startswith("v=dmarc1"))

    def _cost(self, records: tuple[str, ...] | None) -> int | None:
        if not records or len(records) > 1:
            return None
        try:
            return lookups(records[0], self._texts)
        except (ProviderError, ValueError):
            return None

    def _dangling(self, want: Domain, at: str) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for name in _aliases(want):
            whole = f"{name}.{want.name}"
            for target in self._at(at, whole, "CNAME") or ():
                try:
                    exists = self._names.resolve(target, "A").exists
                except ProviderError:
                    continue
                if not exists:
                    found[whole] = target.lower().removesuffix(".")
        return found


def _mark(want: Domain) -> JsonValue:
    return [*_aliases(want)]


def _aliases(want: Domain) -> tuple[str, ...]:
    """Return the names whose CNAME is followed: those that are declared, and www."""
    declared = {r.name for r in want.spec.dns.records if r.type == "CNAME"}
    plain = (name for name in {*declared, "www"} if name.isascii() and "*" not in name)
    return tuple(sorted(plain)[:_ALIASES])


def _refusal(answer: dns.message.Message) -> str:
    if answer.rcode() != dns.rcode.NOERROR:
        return dns.rcode.to_text(answer.rcode())
    return "it is not authoritative"


def _key(value: str) -> str:
    """Return a key with its base64 in one piece."""
    flags, protocol, algorithm, text = value.split(maxsplit=3)
    return f"{flags} {protocol} {algorithm} {''.join(text.split())}"


def _flags(key: str) -> int:
    return int(key.split(maxsplit=1)[0])


def _keys(name: str, served: Iterable[_Served]) -> dict[str, str]:
    """Return every key that any nameserver has, by its DS."""
    found = sorted({key for one in served for key in one.keys or ()})
    return {ds: key for key in found if (ds := ds_of(name, key)) is not None}


def _everywhere(name: str, served: Iterable[_Served]) -> frozenset[str] | None:
    """Return the DS of the keys that every nameserver has; None if one did not say."""
    sets = [one.keys for one in served]
    known = [keys for keys in sets if keys is not None]
    if not known or len(known) != len(sets):
        return None
    made = (ds_of(name, key) for key in frozenset.intersection(*known))
    return frozenset(ds for ds in made if ds is not None)


def _stale(
    name: str,
    parent: frozenset[str] | None,
    served: Iterable[_Served],
    keys: Mapping[str, str],
) -> frozenset[str]:
    """Return the DS records that fit no key, where any nameserver told its keys."""
    if not parent or all(one.keys is None for one in served):
        return frozenset()
    live = frozenset(keys)
    fits = {ds for ds in parent if stands_for(name, ds, live, keys.values())}
    return parent - fits


DRIVER = PublicDelegation
