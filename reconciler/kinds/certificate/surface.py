"""
What anyone can see of the names of a certificate, and what is unwise about it. Pure.

Sources: RFC 8996 (TLS 1.0 and 1.1 are over), the CA/Browser Forum's baseline
requirements (6.3.2, lifetimes), RFC 8659 (CAA), RFC 4033 (bogus), RFC 9116
(security.txt). Whatever could not be looked at is *unknown*, and is said to be: no
check passes because it did not run, and half a scan has no score.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from pydantic import AwareDatetime

from reconciler.kinds.certificate.observatory import (
    COOKIES,
    CORP,
    CORS,
    CSP,
    FRAMES,
    HSTS,
    REDIRECTION,
    REFERRER,
    SCORES,
    SNIFFING,
    SRI,
    TESTS,
)
from reconciler.model import (
    PUBLIC,
    AnyResource,
    Finding,
    Frozen,
    Have,
    Severity,
    Share,
    State,
    Unknown,
)

#: Whoever asks every name for its page, its TLS versions and its records.
SURFACE: Final = Share(PUBLIC, "surface")
UNKNOWN: Final = "surface-unknown"
#: Each test of the Observatory, as a check of ours.
_WEB: Final = {
    REDIRECTION: "web-redirect",
    HSTS: "web-hsts",
    CSP: "web-csp",
    COOKIES: "web-cookies",
    CORS: "web-cors",
    FRAMES: "web-frames",
    SRI: "web-scripts",
    SNIFFING: "web-sniffing",
    REFERRER: "web-referrer",
    CORP: "web-embedding",
}
#: Every check, and how what it finds is mended.
CHECKS: Final[Mapping[str, str]] = {
    "tls-old-version": "turn TLS 1.0 and 1.1 off (RFC 8996)",
    "tls-no-1-3": "turn TLS 1.3 on",
    "tls-weak-key": "have it issued for RSA of 2048 bits or more, or for P-256",
    "tls-weak-signature": "have it issued with SHA-256",
    "tls-lives-too-long": "have it issued for the days that are allowed",
    "web-redirect": "answer http with a redirect to https on the same host",
    "web-hsts": "send Strict-Transport-Security: max-age=31536000",
    "web-csp": "send a Content-Security-Policy without 'unsafe-inline' and http:",
    "web-cookies": "set cookies with Secure, HttpOnly and SameSite",
    "web-cors": "do not answer with whatever Origin was sent",
    "web-frames": "send Content-Security-Policy: frame-ancestors 'none' or 'self'",
    "web-scripts": "load others' scripts over https and with integrity=",
    "web-sniffing": "send X-Content-Type-Options: nosniff",
    "web-referrer": "send Referrer-Policy: strict-origin-when-cross-origin",
    "web-embedding": "send a Cross-Origin-Resource-Policy that browsers know",
    "file-exposed": "do not serve it, and change every secret that is in it",
    "security-txt-missing": "serve /.well-known/security.txt (RFC 9116)",
    "security-txt-invalid": "give it one Expires, and a Contact",
    "security-txt-unsigned": "sign it with OpenPGP",
    "security-txt-expires": "renew its Expires",
    "security-txt-expired": "renew its Expires",
    "caa-forbids-issuer": "add the issuer to the CAA records, or take another one",
    "dnssec-bogus": "sign the zone anew, or take its DS out of the parent",
    "tls-deep": "update what answers there, and turn off what sslyze names",
    UNKNOWN: "look why it does not answer: nothing is known of it",
}
_SOON: Final = timedelta(days=30)
#: Valid from this day on -> so many days at most (baseline requirements, 6.3.2).
_LIFETIMES: Final = (
    (date(2029, 3, 15), 47),
    (date(2027, 3, 15), 100),
    (date(2026, 3, 15), 200),
    (date(2020, 9, 1), 398),
    (date(2018, 3, 1), 825),
)
_OLD: Final = ("1.0", "1.1")
_HIGH, _MEDIUM = -30, -20


class Offer(Frozen):
    """
    What one address offers in its handshakes.

    Attributes:
        versions: The versions of TLS that it takes, as in ``1.2``.
        unsure: Those of which nobody can tell.
        key: What its certificate is for, as in ``RSA 2048``.
        weak: What of the certificate is too weak: ``key``, ``signature``.
        issuer: What its authority is called in CAA records, where that is known.
    """

    address: str
    versions: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()
    key: str | None = None
    weak: tuple[str, ...] = ()
    issuer: str | None = None
    begins: AwareDatetime | None = None
    ends: AwareDatetime | None = None


class SecurityTxt(Frozen):
    """
    Whom to tell about a hole, as ``/.well-known/security.txt`` says.

    Attributes:
        there: Whether there is one.
        wrong: What RFC 9116 does not allow in it, in words of ours.
    """

    there: bool = False
    wrong: tuple[str, ...] = ()
    signed: bool = False
    expires: AwareDatetime | None = None


class Scanned(Frozen):
    """
    What is seen of one name.

    Attributes:
        grade: Of the Observatory's chart; None where the page was not seen whole.
        results: The Observatory's tests, by name.
        exposed: Paths of the allow-list that are served and must not be.
        security: None where nobody looked.
        refused: The issuer that its CAA records do not allow, by its CAA name.
        bogus: What is wrong with the signatures of its zone.
        unknown: What could not be looked at -> why.
    """

    name: str
    grade: str | None = None
    score: int | None = None
    results: Mapping[str, str] = {}
    offers: tuple[Offer, ...] = ()
    exposed: tuple[str, ...] = ()
    security: SecurityTxt | None = None
    refused: str | None = None
    bogus: str | None = None
    unknown: Mapping[str, str] = {}


class SurfaceState(State):
    """
    What anyone sees of every name that is no wildcard.

    Attributes:
        seen: When it was looked at.
    """

    seen: AwareDatetime
    sites: tuple[Scanned, ...] = ()


def allowed(begins: datetime) -> timedelta:
    """Return the longest a certificate may be good that is good from *begins* on."""
    days = next(
        (days for since, days in _LIFETIMES if begins >= _midnight(since)),
        _LIFETIMES[-1][1],
    )
    return timedelta(days=days)


def lifetime(begins: datetime, ends: datetime) -> timedelta:
    """Return how long that is; both ends count (RFC 5280, 4.1.2.5)."""
    return ends - begins + timedelta(seconds=1)


def seen(want: AnyResource, have: Have, now: datetime) -> Iterator[Finding]:
    """Yield what is unwise about what is seen of *want*, or that nobody sees it."""
    match have.get(SURFACE):
        case SurfaceState(sites=sites):
            for site in sites:
                yield from _of(want, site, now)
        case Unknown(later=True):
            message = "its surface is not looked at yet: nothing is known of it"
            yield want.found(UNKNOWN, Severity.INFO, message)
        case Unknown(why=why):
            message = f"its surface could not be looked at: {why}"
            yield want.found(UNKNOWN, Severity.WARNING, message)
        case _:
            pass


def moments(have: Have) -> Iterator[datetime]:
    """Yield the moments at which time alone changes what ``seen`` says."""
    state = have.get(SURFACE)
    for site in state.sites if isinstance(state, SurfaceState) else ():
        if site.security is not None and site.security.expires is not None:
            yield site.security.expires - _SOON
            yield site.security.expires


def _of(want: AnyResource, site: Scanned, now: datetime) -> Iterator[Finding]:
    name = site.name
    if site.unknown:
        parts = (f"{what} ({why})" for what, why in sorted(site.unknown.items()))
        message = f"{name}: nobody could look at {', '.join(parts)}"
        yield want.found(UNKNOWN, Severity.WARNING, message, "spec.names", about=name)
    yield from _handshakes(want, site)
    for test in TESTS:
        scored = SCORES[test].get(site.results.get(test, ""))
        if scored is not None and scored.points < 0:
            level = _level(scored.points)
            message = f"{name}: {scored.says} ({scored.points})"
            yield want.found(_WEB[test], level, message, "spec.names", about=name)
    for path in site.exposed:
        message = f"{name}: /{path} can be read by anyone"
        about = f"{name}/{path}"
        yield want.found(
            "file-exposed", Severity.ERROR, message, "spec.names", about=about
        )
    yield from _records(want, site)
    if site.security is not None:
        yield from _contact(want, name, site.security, now)


def _level(points: int) -> Severity:
    if points <= _HIGH:
        return Severity.ERROR
    return Severity.WARNING if points <= _MEDIUM else Severity.INFO


def _handshakes(want: AnyResource, site: Scanned) -> Iterator[Finding]:
    """Yield what is wrong with the handshakes, once for each name."""
    old = [_versions(one) for one in site.offers if set(_OLD) & set(one.versions)]
    plain = [
        f"{one.address} does not speak TLS 1.3"
        for one in site.offers
        if one.versions and "1.3" not in (*one.versions, *one.unsure)
    ]
    keys = [
        f"{one.address} has a key of {one.key}"
        for one in site.offers
        if "key" in one.weak
    ]
    signed = [
        f"{one.address} has a certificate signed with a broken hash"
        for one in site.offers
        if "signature" in one.weak
    ]
    long = [days for one in site.offers if (days := _too_long(one))]
    for code, severity, said in (
        ("tls-old-version", Severity.ERROR, old),
        ("tls-no-1-3", Severity.WARNING, plain),
        ("tls-weak-key", Severity.ERROR, keys),
        ("tls-weak-signature", Severity.ERROR, signed),
        ("tls-lives-too-long", Severity.WARNING, long),
    ):
        if said:
            message = f"{site.name}: {', '.join(said)}"
            yield want.found(code, severity, message, "spec.names", about=site.name)


def _versions(offer: Offer) -> str:
    found = " and ".join(v for v in _OLD if v in offer.versions)
    return f"{offer.address} still takes TLS {found}"


def _too_long(offer: Offer) -> str | None:
    if offer.begins is None or offer.ends is None:
        return None
    lives, most = lifetime(offer.begins, offer.ends), allowed(offer.begins)
    if lives <= most:
        return None
    days = -(-lives // timedelta(days=1))
    return f"{offer.address} has a certificate for {days} d, {most.days} are allowed"


def _records(want: AnyResource, site: Scanned) -> Iterator[Finding]:
    if site.refused is not None:
        message = (
            f"{site.name}: its CAA records do not allow {site.refused}, which issued "
            "what is served: the next one will be refused"
        )
        code = "caa-forbids-issuer"
        yield want.found(code, Severity.ERROR, message, "spec.names", about=site.name)
    if site.bogus is not None:
        message = f"{site.name}: resolvers that validate refuse its zone: {site.bogus}"
        yield want.found(
            "dnssec-bogus", Severity.ERROR, message, "spec.names", about=site.name
        )


def _contact(
    want: AnyResource, name: str, said: SecurityTxt, now: datetime
) -> Iterator[Finding]:
    where, about = "spec.names", name
    if not said.there:
        message = f"{name}: has no security.txt: nobody knows whom to tell of a hole"
        code = "security-txt-missing"
        yield want.found(code, Severity.INFO, message, where, about=about)
        return
    if said.wrong:
        message = f"{name}: its security.txt is not valid: {', '.join(said.wrong)}"
        code = "security-txt-invalid"
        yield want.found(code, Severity.INFO, message, where, about=about)
    elif not said.signed:
        message = f"{name}: its security.txt is not signed"
        code = "security-txt-unsigned"
        yield want.found(code, Severity.INFO, message, where, about=about)
    if said.expires is None:
        return
    if said.expires <= now:
        message = f"{name}: its security.txt ended on {said.expires:%Y-%m-%d}"
        code, lead = "security-txt-expired", f"{name}/over"
        yield want.found(code, Severity.WARNING, message, where, lead, about)
    elif said.expires - now <= _SOON:
        message = f"{name}: its security.txt ends on {said.expires:%Y-%m-%d}"
        code, lead = "security-txt-expires", f"{name}/30d"
        yield want.found(code, Severity.INFO, message, where, lead, about)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
