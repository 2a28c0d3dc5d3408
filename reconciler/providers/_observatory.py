"""
The tests of Mozilla's HTTP Observatory, of one site: from replies to results. Pure.

Source: the published tests (developer.mozilla.org/en-US/observatory/docs); this is a
re-implementation, and departs from it in this, always to the strict side: nothing is
preloaded (no list is shipped); a script is of the same site where its host is the
site's own or below it, without a list of public suffixes; CORS is asked for with GET.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from reconciler.kinds.certificate.observatory import (
    COOKIES,
    CORP,
    CORS,
    CSP,
    FRAMES,
    HSTS,
    REDIRECTION,
    REFERRER,
    SNIFFING,
    SRI,
)
from reconciler.providers._csp import judged
from reconciler.providers._page import Page, Script, read
from reconciler.providers._visit import Step
from reconciler.providers._web import Reply

#: Who asks whether others may read: a name that can belong to nobody (RFC 2606).
ORIGIN: Final = "https://surface.invalid"
#: Half a year; browsers' documentation and many sites take 180 days for it.
_HALF_A_YEAR: Final = 15_552_000
_AGE: Final = re.compile(r'max-age\s*=\s*"?(\d{1,18})"?')
_HTML: Final = {"text/html", "application/xhtml+xml"}
_NOT_OURS: Final = {"heroku-session-affinity"}
_PRIVATE: Final = (
    "no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin",
)  # fmt: skip
_TELLING: Final = (
    "origin", "origin-when-cross-origin", "unsafe-url", "no-referrer-when-downgrade",
)  # fmt: skip
#: The worst last.
_COOKIES: Final = (
    "cookies-secure-with-httponly-sessions-and-samesite",
    "cookies-secure-with-httponly-sessions",
    "cookies-without-secure-flag-but-protected-by-hsts",
    "cookies-without-secure-flag",
    "cookies-session-without-secure-flag-but-protected-by-hsts",
    "cookies-samesite-flag-invalid",
    "cookies-anticsrf-without-samesite-flag",
    "cookies-session-without-httponly-flag",
    "cookies-session-without-secure-flag",
)
#: The worst last, as the Observatory ranks them.
_SCRIPTS: Final = (
    "sri-implemented-and-all-scripts-loaded-securely",
    "sri-implemented-and-external-scripts-loaded-securely",
    "sri-implemented-but-external-scripts-not-loaded-securely",
    "sri-not-implemented-but-external-scripts-loaded-securely",
    "sri-not-implemented-and-external-scripts-not-loaded-securely",
)


class Visit(NamedTuple):
    """
    What a visitor got.

    Attributes:
        http: The steps from http on; empty where nobody listens there.
        https: The steps from https on, all of which have a reply.
        shared: The front page, asked for from another origin.
    """

    http: Sequence[Step]
    https: Sequence[Step]
    shared: Reply

    @property
    def page(self) -> Reply:
        """Where it ended."""
        reply = self.https[-1].reply
        assert reply is not None  # noqa: S101  (see above)
        return reply

    @property
    def host(self) -> str:
        """Whose page that is."""
        return self.https[-1].host


def results(visit: Visit) -> dict[str, str]:
    """Return the result of every test, by its name."""
    page = visit.page
    html = _is_html(page)
    inside = read(page.text) if html else Page()
    hsts, redirection = strict(page), redirected(visit.http)
    csp = judged(
        page.headers.get("content-security-policy", ()),
        inside.policies,
        reports="content-security-policy-report-only" in page.headers,
    )
    enforced = redirection in {"redirection-to-https", "redirection-not-needed-no-http"}
    return {
        REDIRECTION: redirection,
        HSTS: hsts,
        CSP: csp.result,
        COOKIES: cookies(visit.https, hsts=hsts.endswith("at-least-six-months")),
        CORS: shared(visit.shared),
        FRAMES: _frames(page, framed=csp.framed),
        SRI: scripts(inside, visit.host, https=enforced) if html else _NO_PAGE,
        SNIFFING: _sniffing(page),
        REFERRER: _referrer(page, inside),
        CORP: _embedding(page),
    }


_NO_PAGE: Final = "sri-not-implemented-response-not-html"


def _is_html(page: Reply) -> bool:
    kind = (page.first("content-type") or "text/html").partition(";")[0]
    return kind.strip().lower() in _HTML


def redirected(steps: Sequence[Step]) -> str:
    """Return how http leads to https."""
    if not steps:
        return "redirection-not-needed-no-http"
    if len(steps) == 1:
        return "redirection-missing"
    if any(s.scheme == "https" and s.reply and not s.reply.verified for s in steps):
        return "redirection-invalid-cert"
    if steps[-1].scheme != "https":
        return "redirection-not-to-https"
    if steps[1].scheme == "http":
        return "redirection-not-to-https-on-initial-redirection"
    same = steps[0].host == steps[1].host
    return "redirection-to-https" if same else "redirection-off-host-from-http"


def strict(page: Reply) -> str:
    """Return what the page's HSTS is worth (RFC 6797: of several, the first)."""
    if not page.verified:
        return "hsts-invalid-cert"
    header = page.first("strict-transport-security")
    if header is None:
        return "hsts-not-implemented"
    parts = [part.strip().lower() for part in header.split(";")]
    ages = [found for part in parts if (found := _AGE.fullmatch(part))]
    if "," in header or len(ages) != 1:
        return "hsts-header-invalid"
    if int(ages[0][1]) < _HALF_A_YEAR:
        return "hsts-implemented-max-age-less-than-six-months"
    return "hsts-implemented-max-age-at-least-six-months"


def cookies(steps: Iterable[Step], *, hsts: bool) -> str:
    """Return the worst thing about any cookie that is set on the way."""
    kept: dict[str, Mapping[str, str]] = {}
    found = [_COOKIES[0]]
    for step in steps:
        for header in step.reply.headers.get("set-cookie", ()) if step.reply else ():
            name, said = _cookie(header)
            if name and name not in _NOT_OURS:
                kept[name] = said
                found += _same_site(said)
    if not kept:
        return "cookies-not-found"
    for name, said in kept.items():
        found += _about(name.lower(), said, hsts=hsts)
    return max(found, key=_COOKIES.index)


def _cookie(header: str) -> tuple[str, Mapping[str, str]]:
    """Return a cookie's name and attributes (RFC 6265, 5.2)."""
    first, *rest = header.split(";")
    name, equals, _ = first.partition("=")
    said: dict[str, str] = {}
    for part in rest:
        key, _, value = part.partition("=")
        said[key.strip().lower()] = value.strip().lower()
    return name.strip() if equals else "", said


def _same_site(said: Mapping[str, str]) -> list[str]:
    known = {None, "lax", "strict", "none"}
    wrong = said.get("samesite") not in known
    naked = said.get("samesite") == "none" and "secure" not in said
    return ["cookies-samesite-flag-invalid"] if wrong or naked else []


def _about(name: str, said: Mapping[str, str], *, hsts: bool) -> Iterable[str]:
    session = "login" in name or "sess" in name
    saved = "-but-protected-by-hsts" if hsts else ""
    if "secure" not in said:
        yield f"cookies-without-secure-flag{saved}"
        if session:
            yield f"cookies-session-without-secure-flag{saved}"
    if "csrf" in name and "samesite" not in said:
        yield "cookies-anticsrf-without-samesite-flag"
    if session and "httponly" not in said:
        yield "cookies-session-without-httponly-flag"
    if "samesite" not in said:
        yield "cookies-secure-with-httponly-sessions"


def shared(reply: Reply) -> str:
    """Return who else may read what this site says to its visitors."""
    allowed = (reply.first("access-control-allow-origin") or "").strip()
    sends = (reply.first("access-control-allow-credentials") or "").strip().lower()
    base = "cross-origin-resource-sharing-"
    if not allowed:
        return f"{base}not-implemented"
    if allowed == "*":
        return f"{base}implemented-with-public-access"
    if allowed == ORIGIN and sends == "true":
        return f"{base}implemented-with-universal-access"
    return f"{base}implemented-with-restricted-access"


def scripts(page: Page, host: str, *, https: bool) -> str:
    """
    Return the worst thing about any script that *page* loads.

    *https*: whether no visitor can be on http, so that ``//`` means https.
    """
    if not page.scripts and not page.inline:
        return "sri-not-implemented-but-no-scripts-loaded"
    found, foreign = [], False
    for one in page.scripts:
        own, secure = _of(one, host, https=https)
        foreign |= not own
        if own and one.integrity and secure:
            found.append(_SCRIPTS[0])
        elif not own and not (one.integrity and secure):
            worst = _SCRIPTS[2] if one.integrity else _SCRIPTS[3 if secure else 4]
            found.append(worst)
    if found:
        return max(found, key=_SCRIPTS.index)
    own_only = "sri-not-implemented-but-all-scripts-loaded-from-secure-origin"
    return _SCRIPTS[1] if foreign else own_only


def _of(script: Script, host: str, *, https: bool) -> tuple[bool, bool]:
    """Return whether a script is the site's own, and whether it comes safely."""
    relative = script.source.startswith("//")
    try:
        at = urlsplit(script.source)
        there = (at.hostname or "").lower()
    except ValueError:
        return False, False
    if not there:
        return at.scheme in {"", "https"}, True
    base = host.removeprefix("www.")
    same = there == base or there.endswith(f".{base}")
    return same, at.scheme == "https" or (relative and https)


def _frames(page: Reply, *, framed: bool) -> str:
    said = ", ".join(page.headers.get("x-frame-options", ())).strip().lower()
    if framed:
        return "x-frame-options-implemented-via-csp"
    if not said:
        return "x-frame-options-not-implemented"
    if said in {"deny", "sameorigin"}:
        return "x-frame-options-sameorigin-or-deny"
    if said.startswith("allow-from"):
        return "x-frame-options-allow-from-origin"
    return "x-frame-options-header-invalid"


def _sniffing(page: Reply) -> str:
    said = (page.first("x-content-type-options") or "").strip().lower()
    if not said:
        return "x-content-type-options-not-implemented"
    right = said == "nosniff"
    return f"x-content-type-options-{'nosniff' if right else 'header-invalid'}"


def _referrer(page: Reply, inside: Page) -> str:
    """Return what the last policy that browsers know tells others."""
    said = [*page.headers.get("referrer-policy", ()), *inside.referrers]
    if not said:
        return "referrer-policy-not-implemented"
    words = [word.strip().lower() for word in ",".join(said).split(",")]
    known = [word for word in words if word in {*_PRIVATE, *_TELLING}]
    if not known:
        return "referrer-policy-header-invalid"
    private = known[-1] in _PRIVATE
    return f"referrer-policy-{'private' if private else 'unsafe'}"


def _embedding(page: Reply) -> str:
    said = (page.first("cross-origin-resource-policy") or "").strip().lower()
    if not said:
        return "corp-not-implemented"
    known = said in {"same-site", "same-origin", "cross-origin"}
    return f"corp-implemented-with-{said}" if known else "corp-header-invalid"
