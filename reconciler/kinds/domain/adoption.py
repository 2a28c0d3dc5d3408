"""What YAML says of a domain that no document declares yet. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from reconciler.kinds.domain.adopted_zone import AdoptedZone, adopted_zone
from reconciler.kinds.domain.spec import DomainSpec
from reconciler.kinds.domain.state import Phase, RegistrationState, ZoneState
from reconciler.model import Adoption, Have, Left, Refuse, Share
from reconciler.model.names import to_ascii

#: How a person reads it: whose it is, who renews it, how safe it is, what it serves.
_ORDER = (
    "provider",
    "lifecycle",
    "renewal",
    "transferLock",
    "privacy",
    "nameservers",
    "dnssec",
    "dns",
)
_FEWEST_HOSTS, _MOST_HOSTS = 2, 13


class Parts(NamedTuple):
    """What is known of one name: its registration, and its zone at each host."""

    registrar: Share | None
    registered: RegistrationState | None
    zones: Mapping[Share, ZoneState]


def parts(have: Have, registrar: Share | None) -> Parts:
    """Return *have* in parts; what is no state is left out."""
    state = have.get(registrar) if registrar else None
    registered = state if isinstance(state, RegistrationState) else None
    zones = {s: z for s, z in sorted(have.items()) if isinstance(z, ZoneState)}
    return Parts(registrar, registered, zones)


def adopted(found: Parts, usual: DomainSpec, refuse: Refuse) -> Adoption:
    """Return the document of what was *found*; see ``Resource.adopted``."""
    registered = found.registered
    if registered and registered.phase is Phase.TRANSFERRED:
        return Adoption(None, left=(Left("", "it has left the account"),))
    served = {
        share: adopted_zone(zone, usual.dns, refuse)
        for share, zone in found.zones.items()
    }
    targets, unserved = _targets(found, served)
    spec: dict[str, Any] = {
        "provider": found.registrar.provider if found.registrar else "none"
    }
    left: list[Left] = list(unserved)
    if registered:
        _registration(spec, registered, usual)
        left += _delegation(spec, registered, _hosts(found, targets), usual)
    else:
        _watched(spec, usual)
    if usual.dnssec != "unmanaged":
        spec["dnssec"] = "unmanaged"
    zone = served[targets[0]] if targets else AdoptedZone({}, ())
    dns = _dns(zone, targets, usual)
    if dns:
        spec["dns"] = dns
    left += dict.fromkeys(one for share in targets for one in served[share].left)
    ordered = {key: spec[key] for key in sorted(spec, key=_ORDER.index)}
    passive = {"lifecycle": "observe"}
    return Adoption(ordered, tuple(_notes(registered)), tuple(left), passive)


def _registration(
    spec: dict[str, Any], live: RegistrationState, usual: DomainSpec
) -> None:
    if usual.lifecycle == "expire":
        spec["lifecycle"] = "managed"
    renewal: dict[str, Any] = {}
    mode = {True: "registrar", False: "manual", None: usual.renewal.mode}
    if mode[live.auto_renew] != usual.renewal.mode:
        renewal["mode"] = mode[live.auto_renew]
    if usual.renewal.max_price is not None:
        renewal["maxPrice"] = None
    if usual.renewal.restore != "never":
        renewal["restore"] = "never"
    if usual.renewal.max_restore is not None:
        renewal["maxRestore"] = None
    if renewal:
        spec["renewal"] = renewal
    if live.locked is not None and live.locked != usual.transfer_lock:
        spec["transferLock"] = live.locked
    if live.privacy is not None and live.privacy != usual.privacy:
        spec["privacy"] = live.privacy


def _hosts(found: Parts, targets: Sequence[Share]) -> frozenset[str] | None:
    """Return the nameservers that ``from-dns`` means, as ``Domain.served_from``."""
    hosts: set[str] = set()
    for share in targets:
        if not found.zones[share].nameservers:
            return None
        hosts |= found.zones[share].nameservers
    return frozenset(hosts) or None


def _watched(spec: dict[str, Any], usual: DomainSpec) -> None:
    if "lifecycle" in usual.model_fields_set:
        spec["lifecycle"] = "observe"
    if usual.renewal.max_price is not None:
        spec["renewal"] = {"maxPrice": None}


def _delegation(
    spec: dict[str, Any],
    live: RegistrationState,
    served: frozenset[str] | None,
    usual: DomainSpec,
) -> Iterator[Left]:
    """Write the delegation out, where it is not the one that would be wanted."""
    follows = usual.nameservers == "from-dns"
    wanted = served if follows else frozenset(usual.nameservers)
    if live.nameservers is None or wanted == live.nameservers:
        return
    hosts = sorted(live.nameservers)
    if not follows and served == live.nameservers:
        spec["nameservers"] = "from-dns"
    elif _sound(hosts):
        spec["nameservers"] = list(hosts)
    elif hosts or wanted:
        spec["lifecycle"] = "observe"
        why = "the delegation cannot be declared: the domain is observed"
        yield Left("nameservers", why)


def _sound(hosts: Sequence[str]) -> bool:
    """Whether *hosts* can be declared as they are."""
    try:
        plain = [to_ascii(host) for host in hosts]
    except ValueError:
        return False
    return plain == hosts and _FEWEST_HOSTS <= len(hosts) <= _MOST_HOSTS


def _targets(
    found: Parts, served: Mapping[Share, AdoptedZone]
) -> tuple[list[Share], list[Left]]:
    """
    Return the accounts whose records are declared, and those left out.

    All targets of a domain converge. Where accounts serve different records, only
    those that the delegation names are meant; where it names none, nobody can say.
    """
    shares = list(served)
    if len({str(served[share].dns) for share in shares}) > 1:
        delegated = found.registered.nameservers if found.registered else None
        shares = [
            share
            for share in shares
            if delegated and found.zones[share].nameservers & delegated
        ]
    if len({str(served[share].dns) for share in shares}) > 1:
        shares = []
    left = [
        Left(f"zone at {share.provider}", "another account serves other records")
        for share in served
        if share not in shares
    ]
    return shares, left


def _dns(
    zone: AdoptedZone, targets: Sequence[Share], usual: DomainSpec
) -> dict[str, Any]:
    dns: dict[str, Any] = {}
    providers = [share.provider for share in targets]
    if tuple(providers) != usual.dns.targets:
        dns["targets"] = providers
    if usual.dns.include:
        dns["include"] = []
    return {**dns, **zone.dns}


def _notes(live: RegistrationState | None) -> Iterator[str]:
    if live is None:
        yield "registered at none of the accounts: only watched"
        return
    renews = {
        True: "the registrar renews it",
        False: "nobody renews it: auto-renewal is off",
        None: "the registrar does not say whether it renews it",
    }
    yield f"paid until {live.expires.date()}; {renews[live.auto_renew]}"
