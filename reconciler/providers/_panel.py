"""
The sites of a cPanel account, their certificates, and whether AutoSSL renews them.

Both ways to a panel (WHM for a server, cPanel for one account) show the same things. A
*site* is a virtual host: a name, its aliases, one certificate. What follows, after the
vendor's reference ("Manage AutoSSL", ``SSL::installed_hosts``,
``set_autossl_metadata_key``):

* A certificate goes to every site that answers to one of its names; a site that only a
  wildcard covers is left alone: nobody named it.
* AutoSSL takes a site that has no valid certificate, or one of its own. One that
  somebody else signed it replaces only where the server allows that
  (``clobber_externally_signed``), and only in its last three days.
* A name that is excluded there it leaves alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from pydantic import JsonValue

from reconciler.errors import Ambiguous, ProviderError, Rejected
from reconciler.kinds.certificate import MISPLACED, Certificate, Site
from reconciler.model.names import covered
from reconciler.providers._answers import mapping, rows
from reconciler.providers._install import Pair, seen

AUTOSSL: Final = "autossl"
#: From so long before its end on AutoSSL may take a certificate of somebody else.
_TAKES: Final = timedelta(days=3)
_UNREADABLE: Final = (ValueError, KeyError, TypeError, OverflowError, IndexError)


def after(
    error: ProviderError,
    pair: Pair,
    done: Sequence[str],
    again: Callable[[], Site] | None,
) -> ProviderError:
    """
    Return what a failed installation means for the whole place.

    Args:
        error: Of the site that failed.
        pair: What was to be installed.
        done: The sites that have it already: what is half done is no failure.
        again: Looks at the place once more; given where the panel itself said no,
            which is no proof that nothing happened.
    """
    if done and not isinstance(error, Ambiguous):
        return Ambiguous(f"{error.what}; and {done[0]} has it")
    if again is None:
        return error
    try:
        here = again()
    except ProviderError:
        return Ambiguous(f"{error.what}; and what is there cannot be read")
    if here.fingerprint == pair.fingerprint:
        return Ambiguous(f"{error.what}; and yet it seems to be installed")
    return error


class Installed(NamedTuple):
    """
    The certificate of one site.

    Attributes:
        names: What it is good for.
        automatic: AutoSSL made it.
        self_signed: Nobody else signed it.
    """

    fingerprint: str
    not_after: datetime
    names: tuple[str, ...] = ()
    automatic: bool = False
    self_signed: bool = False


class Vhost(NamedTuple):
    """
    One site.

    Attributes:
        name: What the panel calls it: a domain, which an installation names.
        domains: All that it answers to.
    """

    name: str
    domains: frozenset[str]
    certificate: Installed | None = None


class AutoSsl(NamedTuple):
    """
    What the panel renews by itself for one account.

    Attributes:
        on: It is on for the account; None: that cannot be read.
        excluded: Domains it leaves alone.
        clobbers: It may replace what somebody else signed, in its last days.
        problems: Domain -> why it could not get a certificate.
    """

    on: bool | None = False
    excluded: frozenset[str] = frozenset()
    clobbers: bool = False
    problems: Mapping[str, str] = {}


def fitting(vhosts: Iterable[Vhost], want: Certificate) -> list[Vhost]:
    """Return the sites that answer to a name that *want* names, in order."""
    named = {name for name in want.spec.names if not name.startswith("*.")}
    return sorted(one for one in vhosts if named & one.domains)


def site(
    vhosts: Sequence[Vhost], auto: AutoSsl, want: Certificate, now: datetime
) -> Site:
    """Return what *vhosts* (at least one) have, as one place."""
    have = [one.certificate for one in vhosts]
    found = [one for one in have if one is not None]
    marks = [one.fingerprint if one else "" for one in have]
    trouble = None
    if len(set(marks)) > 1:
        trouble = f"{vhosts[0].name} and {vhosts[1].name} have different certificates"
    if want.spec.mode == "provider":
        trouble = _problems(auto, want) or trouble
    return Site(
        fingerprint=_together(marks),
        not_after=_end(found, want, now),
        renews=AUTOSSL if any(_renews(v, auto, now) for v in vhosts) else None,
        trouble=trouble,
        names=tuple(sorted({name for v in vhosts for name in _served(v, now)})),
    )


def _together(marks: Sequence[str]) -> str | None:
    """Return the one that all have; of several, what equals none of them."""
    if len(set(marks)) == 1:
        return marks[0] or None
    return hashlib.sha256(" ".join(marks).encode()).hexdigest()


def _end(
    found: Sequence[Installed], want: Certificate, now: datetime
) -> datetime | None:
    """
    Return when it ends: the last of all, which must not be replaced by an earlier one.

    Of what the panel renews itself the first: that is when a visitor notices.
    """
    ends = [one.not_after for one in found if not _worthless(one, now)]
    ends = ends or [one.not_after for one in found]
    pick = min if want.spec.mode == "provider" else max
    return pick(ends, default=None)


def _worthless(one: Installed, now: datetime) -> bool:
    return one.self_signed or one.not_after <= now


def _served(vhost: Vhost, now: datetime) -> set[str]:
    """Return the names for which visitors now get a certificate that is good."""
    one = vhost.certificate
    if one is None or _worthless(one, now):
        return set()
    return {name for name in vhost.domains if covered(name, one.names)}


def _renews(vhost: Vhost, auto: AutoSsl, now: datetime) -> bool:
    if not auto.on or vhost.domains <= auto.excluded:
        return False
    one = vhost.certificate
    if one is None or one.automatic or _worthless(one, now):
        return True
    return auto.clobbers and one.not_after - now <= _TAKES


def _problems(auto: AutoSsl, want: Certificate) -> str | None:
    if auto.on is None:
        return "whether AutoSSL renews it cannot be read"
    said = [auto.problems[name] for name in want.spec.names if name in auto.problems]
    return "; ".join(said) or None


# -- reading ------------------------------------------------------------------------


def installed(hosts: Any) -> dict[str, list[JsonValue]]:
    """
    Return site -> [fingerprint, end, names, automatic, self-signed], to be kept.

    *hosts* is the ``data`` of ``SSL::installed_hosts``, the same at both doors.

    Raises:
        Rejected: It is not what the vendor documents.
    """
    try:
        return {
            str(row["servername"]).lower(): _entry(row)
            for row in rows(hosts, "sites")
            if row.get("certificate_text")
        }
    except _UNREADABLE as error:
        kind = type(error).__name__
        raise Rejected(f"installed_hosts: cannot be read: {kind}") from None


def _entry(row: Mapping[str, Any]) -> list[JsonValue]:
    about = mapping(row.get("certificate"))
    found = seen(str(row["certificate_text"]).encode())
    names: list[JsonValue] = [str(name).lower() for name in about.get("domains", [])]
    return [
        found.fingerprint,
        int(found.not_after.timestamp()),
        names,
        flag(about.get("is_autossl", 0)),
        flag(about.get("is_self_signed", 0)),
    ]


def certificate(entry: JsonValue) -> Installed:
    """Return what ``installed`` said of one site."""
    assert isinstance(entry, list)  # noqa: S101  (made by ``installed`` alone)
    mark, end, names, automatic, self_signed = entry
    assert isinstance(names, list)  # noqa: S101
    ends = datetime.fromtimestamp(int(str(end)), UTC)
    return Installed(
        str(mark), ends, tuple(map(str, names)), bool(automatic), bool(self_signed)
    )


def flag(value: Any) -> bool:
    """Return a 0 or 1, as a number or a text; raise ValueError for the rest."""
    text = str(value)
    if isinstance(value, bool) or text not in {"0", "1"}:
        raise ValueError(f"{text!r} is neither 0 nor 1")
    return text == "1"


def excluded(data: Any) -> list[JsonValue]:
    """Return the domains of a list of exclusions."""
    listed = [row.get("excluded_domain") for row in rows(data, "exclusions")]
    return [str(name).lower() for name in listed if name]


def problems(data: Any) -> dict[str, str]:
    """Return domain -> problem of a list of them; the last one counts."""
    return {
        str(row.get("domain") or "").lower(): str(row.get("problem") or "")
        for row in rows(data, "problems")
    }


def refusal(data: Any, vhost: Vhost, want: Certificate) -> ProviderError | None:
    """
    Return what is wrong with the ``data`` of an installation that called itself done.

    Where it was done is known of one that went to another site: Rejected, and
    ``misplaced``. What else is wrong leaves open what was done: Ambiguous.

    The panel names the site it was installed at, and the domains of the site that got
    it (``working_domains``) or did not (``warning_domains``): all that are wanted must
    be among the first.
    """
    said = mapping(data)
    if "status" in said and str(said["status"]) != "1":
        told = said.get("statusmsg") or said.get("message") or "it says nothing"
        return Ambiguous(str(told))
    where = str(said.get("servername") or said.get("domain") or vhost.name).lower()
    if where not in vhost.domains | {vhost.name}:
        what = f"it was installed at {where}, and not at {vhost.name}"
        return Rejected(what, reason=MISPLACED)
    warned = {str(name).lower() for name in said.get("warning_domains") or ()}
    missed = sorted(warned & set(want.spec.names) & vhost.domains)
    return Ambiguous(f"it was not installed for {missed[0]}") if missed else None
