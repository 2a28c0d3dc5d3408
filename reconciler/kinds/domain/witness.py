"""What follows from what witnesses say about a domain: findings, no actions. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from reconciler.kinds.domain.evidence import RdapState, Standing
from reconciler.kinds.domain.mail import receiving
from reconciler.kinds.domain.registration import SLACK, Note
from reconciler.kinds.domain.spec import DomainSpec
from reconciler.kinds.domain.state import (
    DelegationState,
    Phase,
    RegistrationState,
)
from reconciler.model import Observed, Severity, Share, Unknown

#: An answer older than this is mentioned: for so long nobody could look again.
OLD: Final = timedelta(days=3)
#: A registrar may delete from here on what was not paid; ICANN's 45 days are the most.
ENTERING: Final = timedelta(days=20)
LAST: Final = timedelta(days=45)
_MOST_LOOKUPS: Final = 10
_LOST: Final = {Standing.REDEMPTION, Standing.PENDING_DELETE}
_LOCKED: Final = {"client transfer prohibited", "server transfer prohibited"}
#: Whoever registers a name there gets what the CNAME promises.
_FREE_FOR_ALL: Final = (
    ".azurewebsites.net", ".cloudapp.net", ".trafficmanager.net", ".herokuapp.com",
    ".github.io", ".netlify.app", ".vercel.app", ".pages.dev", ".myshopify.com",
    ".s3.amazonaws.com", ".elasticbeanstalk.com", ".readthedocs.io", ".surge.sh",
)  # fmt: skip


def paid(state: RdapState) -> datetime | None:
    """
    Return until when the name is paid, as far as anyone can read.

    In the registry's grace period its own date has moved whether or not anybody paid:
    it is never taken for a renewal. Only the registrar's date counts then.
    """
    if state.registrar_expires is not None:
        return state.registrar_expires
    provisional = state.standing is Standing.AUTO_RENEW_GRACE
    return None if provisional else state.registry_expires


def as_registration(state: RdapState, now: datetime) -> RegistrationState | None:
    """Return what RDAP says of a name in a registrar's terms; None without a date."""
    expires = paid(state)
    if expires is None:
        return None
    lost = {
        Standing.REDEMPTION: Phase.REDEMPTION,
        Standing.PENDING_DELETE: Phase.PENDING_DELETE,
    }
    late = Phase.GRACE if expires <= now else Phase.ACTIVE
    return RegistrationState(expires=expires, phase=lost.get(state.standing, late))


# -- a name that nothing else tells about ---------------------------------------


def watched(state: RdapState) -> Iterator[Note]:
    """Yield what is to be known of a name that RDAP alone watches."""
    match state.standing:
        case Standing.UNPUBLISHED:
            yield _info("no-rdap", "its registry has no RDAP service: no date is known")
        case Standing.AVAILABLE:
            message = "is not registered: anyone can take it"
            yield "not-registered", Severity.ERROR, message, ""
        case Standing.AUTO_RENEW_GRACE if state.registrar_expires is None:
            yield (
                "registry-date-provisional",
                Severity.WARNING,
                f"{_provisional(state)}; the registrar does not publish its own",
                "",
            )
        case _ if paid(state) is None and state.standing not in _LOST:
            yield _info("no-expiry-date", "the registry publishes no expiry date")
        case _:
            pass


def _info(code: str, message: str) -> Note:
    return code, Severity.INFO, message, ""


def _provisional(state: RdapState) -> str:
    moved = state.registry_expires
    date = f"to {moved.date()} " if moved else ""
    return (
        f"the registry moved its date {date}by itself (auto-renew grace) and can take "
        "that back: it proves no payment"
    )


# -- the registry beside the registrar --------------------------------------------


def registry(
    spec: DomainSpec, own: RegistrationState | None, state: RdapState, now: datetime
) -> Iterator[Note]:
    """
    Yield what the registry says that the registrar's account does not.

    *own* is the account's word; None where there is no account, or it is not known.
    """
    yield from _standing(spec, own, state, now)
    yield from _statuses(spec, own, state)
    if own is not None and own.phase in {Phase.ACTIVE, Phase.GRACE}:
        yield from _dates(own, state)
    if now - state.seen > OLD:
        message = f"was last seen in RDAP on {state.seen.date()}; no newer answer"
        yield _info("not-seen-lately", message)


def _free(state: RdapState) -> bool:
    return state.standing is Standing.AVAILABLE


def _standing(
    spec: DomainSpec, own: RegistrationState | None, state: RdapState, now: datetime
) -> Iterator[Note]:
    known = own is not None and own.phase not in {Phase.ACTIVE, Phase.GRACE}
    if state.standing in _LOST and not known:
        redeemable = state.standing is Standing.REDEMPTION
        which = "in redemption" if redeemable else "about to be deleted"
        message = f"is {which} at the registry, whatever the registrar says"
        yield "entering-redemption", Severity.CRITICAL, message, "spec.renewal"
    if own is not None and _free(state):
        message = "the registry does not have it, and the registrar says it is ours"
        yield "not-at-registry", Severity.CRITICAL, message, "spec.provider"
    elif own is None and spec.provider != "none" and _free(state):
        message = "is not registered: the registry does not have it"
        yield "not-registered", Severity.ERROR, message, "spec.provider"
    until = own.expires if own is not None else paid(state)
    grace = state.standing is Standing.AUTO_RENEW_GRACE
    if grace and until is not None and until + ENTERING <= now:
        message = (
            f"was paid until {until.date()} only: the registrar can delete it any day, "
            f"on {(until + LAST).date()} at the latest, and then it is in redemption"
        )
        yield "entering-redemption", Severity.CRITICAL, message, "spec.renewal"


def _statuses(
    spec: DomainSpec, own: RegistrationState | None, state: RdapState
) -> Iterator[Note]:
    if "pending transfer" in state.statuses:
        message = "a transfer away from its registrar is pending at the registry"
        yield "transfer-pending", Severity.CRITICAL, message, "spec.transferLock"
    held = sorted({"client hold", "server hold"} & set(state.statuses))
    if held:
        message = f"the registry does not publish it in DNS ({held[0]})"
        yield "domain-on-hold", Severity.CRITICAL, message, ""
    wanted = spec.transfer_lock and spec.lifecycle == "managed"
    unlocked = bool(state.statuses) and not _LOCKED & set(state.statuses)
    if wanted and unlocked and own is not None and own.locked is True:
        message = "the registrar says it is locked, and the registry has no lock"
        yield "lock-not-at-registry", Severity.WARNING, message, "spec.transferLock"


def _dates(own: RegistrationState, state: RdapState) -> Iterator[Note]:
    moved = state.registry_expires
    if moved is None or abs(moved - own.expires) <= SLACK:
        return
    if state.standing is Standing.AUTO_RENEW_GRACE and moved > own.expires:
        message = f"{_provisional(state)}; paid is until {own.expires.date()}"
        yield "registry-date-provisional", Severity.WARNING, message, "spec.renewal"
    else:
        message = (
            f"the registrar says it expires on {own.expires.date()}, the registry on "
            f"{moved.date()}"
        )
        yield "registry-disagrees", Severity.WARNING, message, "spec.renewal"


def unreadable(share: Share, state: Observed | None, now: datetime) -> Iterator[Note]:
    """Yield that *share* could not be read for so long that somebody should look."""
    if not isinstance(state, Unknown) or state.since is None:
        return
    if now - state.since > OLD:
        message = f"{share.family}: could not be read since {state.since.date()}"
        yield "witness-unreadable", Severity.WARNING, f"{message} ({state.why})", ""


# -- nameservers and the zone ------------------------------------------------------


def hosts(
    own: RegistrationState | None,
    state: RdapState | None,
    live: DelegationState | None,
) -> Iterator[Note]:
    """Yield who names other nameservers than the others do."""
    said = {
        "the registrar": own.nameservers if own else None,
        "the registry": state.nameservers if state else None,
        "the parent zone": live.nameservers if live else None,
        "the zone itself": live.child if live else None,
    }
    known = {who: frozenset(names) for who, names in said.items() if names}
    if len(set(known.values())) > 1:
        parts = [f"{who} has {_names(names)}" for who, names in known.items()]
        code, where = "nameservers-disagree", "spec.nameservers"
        yield code, Severity.WARNING, "; ".join(parts), where


def _names(found: frozenset[str]) -> str:
    shown = sorted(found)
    more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""  # noqa: PLR2004
    return ", ".join(shown[:3]) + more


def delegation(spec: DomainSpec, state: DelegationState) -> Iterator[Note]:
    """Yield what is wrong with the zone as it is found from the root down."""
    if not state.nameservers:
        message = "is not delegated: the parent zone has no nameservers for it"
        yield "not-delegated", Severity.ERROR, message, "spec.nameservers"
    else:
        yield from _servers(spec, state)
        yield from _keys(state)
        yield from _mail(state)
        yield from receiving(state.mail)
        yield from _targets(state)


def _servers(spec: DomainSpec, state: DelegationState) -> Iterator[Note]:
    lame, every = state.problems, state.nameservers or frozenset()
    worst = Severity.CRITICAL if len(lame) >= len(every) else Severity.ERROR
    for host, problem in sorted(lame.items()):
        message = f"{host} does not answer for the zone ({problem})"
        yield "lame-nameserver", worst, message, "spec.nameservers"
    serials = {host: one for host, one in state.serials.items() if one is not None}
    if len(set(serials.values())) > 1 and len(spec.dns.targets) <= 1:
        parts = ", ".join(f"{host} {one}" for host, one in sorted(serials.items()))
        message = f"its nameservers have different versions of the zone: {parts}"
        yield "serials-differ", Severity.WARNING, message, "spec.dns"


def _keys(state: DelegationState) -> Iterator[Note]:
    if not state.stale_ds:
        return
    names = ", ".join(" ".join(ds.split()[:3]) for ds in sorted(state.stale_ds))
    if state.stale_ds == state.parent_ds:
        message = (
            f"no key of the zone fits the DS at its parent ({names}): resolvers that "
            "validate refuse the whole zone"
        )
        yield "stale-ds", Severity.CRITICAL, message, "spec.dnssec"
    else:
        message = f"a DS at its parent fits no key of the zone: {names}"
        yield "stale-ds", Severity.WARNING, message, "spec.dnssec"


def _mail(state: DelegationState) -> Iterator[Note]:
    where = "spec.dns.records"
    if state.spf is not None:
        yield from _spf(state.spf, state.spf_lookups, where)
    if state.dmarc is not None:
        if not state.dmarc:
            yield _info("dmarc-missing", "has no DMARC record at _dmarc")
        elif len(state.dmarc) > 1:
            message = f"has {len(state.dmarc)} DMARC records: none of them counts"
            yield "dmarc-several", Severity.ERROR, message, where
        elif "p=none" in state.dmarc[0].replace(" ", "").lower().split(";"):
            yield _info("dmarc-none", "its DMARC record asks for nothing (p=none)")
    if state.caa is False:
        yield _info("caa-missing", "has no CAA record: any authority may issue for it")


def _spf(found: tuple[str, ...], lookups: int | None, where: str) -> Iterator[Note]:
    if not found:
        yield _info("spf-missing", "has no SPF record: anyone can send in its name")
        return
    if len(found) > 1:
        message = f"has {len(found)} SPF records: receivers take that for an error"
        yield "spf-several", Severity.ERROR, message, where
        return
    if lookups is not None and lookups > _MOST_LOOKUPS:
        message = f"its SPF record takes {lookups} look-ups, ten are the most"
        yield "spf-too-many-lookups", Severity.ERROR, message, where
    words = found[0].lower().split()
    if words[-1] in {"+all", "all"}:
        message = "its SPF record ends in +all: anyone may send in its name"
        yield "spf-open", Severity.ERROR, message, where
    elif not {"-all", "~all"} & set(words) and "redirect=" not in found[0].lower():
        yield _info("spf-no-end", "its SPF record does not end in -all or ~all")


def _targets(state: DelegationState) -> Iterator[Note]:
    for name, target in sorted(state.dangling.items()):
        free = target.endswith(_FREE_FOR_ALL)
        danger = ", and whoever registers it there gets its visitors" if free else ""
        yield (
            "dangling-cname",
            Severity.ERROR if free else Severity.WARNING,
            f"{name} leads to {target}, which does not exist{danger}",
            "spec.dns.records",
        )


# -- time -----------------------------------------------------------------------


def moments(
    own: RegistrationState | None, said: Iterable[Observed | None]
) -> Iterator[datetime]:
    """Yield every moment at which time alone may change what is said here."""
    just = timedelta(microseconds=1)
    for state in said:
        if isinstance(state, Unknown) and state.since is not None:
            yield state.since + OLD + just
        elif isinstance(state, RdapState):
            yield state.seen + OLD + just
            until = own.expires if own is not None else paid(state)
            if until is not None:
                yield until + ENTERING
