"""
The published scores of Mozilla's HTTP Observatory: from results to a grade. Pure.

Source: developer.mozilla.org/en-US/observatory/docs/tests_and_scoring, as of algorithm
version 4 (January 2026): every site begins with 100, penalties are taken off, and only
who has 90 by then is given bonuses. The names of the results are the published ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

#: Who has so many points without any bonus is given the bonuses too.
BONUS_FROM: Final = 90
_BASE: Final = 100
_GRADES: Final = (
    (100, "A+"), (90, "A"), (85, "A-"), (80, "B+"), (70, "B"), (65, "B-"), (60, "C+"),
    (50, "C"), (45, "C-"), (40, "D+"), (30, "D"), (25, "D-"), (0, "F"),
)  # fmt: skip

CSP: Final = "content-security-policy"
COOKIES: Final = "cookies"
CORS: Final = "cross-origin-resource-sharing"
CORP: Final = "cross-origin-resource-policy"
HSTS: Final = "strict-transport-security"
REDIRECTION: Final = "redirection"
REFERRER: Final = "referrer-policy"
SRI: Final = "subresource-integrity"
SNIFFING: Final = "x-content-type-options"
FRAMES: Final = "x-frame-options"
#: Every test, in the order in which people read them.
TESTS: Final = (
    REDIRECTION, HSTS, CSP, COOKIES, CORS, FRAMES, SRI, SNIFFING, REFERRER, CORP,
)  # fmt: skip


class Scored(NamedTuple):
    """What one result is worth, and what it says in a few words."""

    points: int
    says: str


_CSP = {
    "csp-implemented-with-no-unsafe-default-src-none": (
        10,
        "allows nothing by default",
    ),
    "csp-implemented-with-no-unsafe": (5, "allows nothing unsafe"),
    "csp-implemented-but-duplicate-directives": (0, "says where to report twice"),
    "csp-implemented-with-unsafe-inline-in-style-src-only": (0, "unsafe styles only"),
    "csp-implemented-with-insecure-scheme-in-passive-content-only": (
        -10,
        "its Content-Security-Policy allows images or media over http",
    ),
    "csp-implemented-with-unsafe-eval": (
        -10,
        "its Content-Security-Policy allows 'unsafe-eval'",
    ),
    "csp-implemented-with-unsafe-inline": (
        -20,
        "its Content-Security-Policy allows scripts from anywhere, or inline",
    ),
    "csp-implemented-with-insecure-scheme": (
        -20,
        "its Content-Security-Policy allows http",
    ),
    "csp-header-invalid": (-25, "its Content-Security-Policy cannot be read"),
    "csp-not-implemented": (-25, "has no Content-Security-Policy"),
    "csp-not-implemented-but-reporting-enabled": (
        -25,
        "its Content-Security-Policy only reports and forbids nothing",
    ),
}
_COOKIES = {
    "cookies-secure-with-httponly-sessions-and-samesite": (5, "all cookies are safe"),
    "cookies-secure-with-httponly-sessions": (0, "cookies without SameSite"),
    "cookies-not-found": (0, "sets no cookies"),
    "cookies-without-secure-flag-but-protected-by-hsts": (
        -5,
        "sets cookies without Secure, which HSTS makes up for",
    ),
    "cookies-session-without-secure-flag-but-protected-by-hsts": (
        -10,
        "sets a session's cookie without Secure, which HSTS makes up for",
    ),
    "cookies-without-secure-flag": (-20, "sets cookies without Secure"),
    "cookies-samesite-flag-invalid": (-20, "sets cookies with a SameSite that is none"),
    "cookies-anticsrf-without-samesite-flag": (
        -20,
        "sets a token against forged requests without SameSite",
    ),
    "cookies-session-without-httponly-flag": (
        -30,
        "sets a session's cookie without HttpOnly",
    ),
    "cookies-session-without-secure-flag": (
        -40,
        "sets a session's cookie without Secure",
    ),
}
_CORS = {
    "cross-origin-resource-sharing-not-implemented": (0, "shares nothing"),
    "cross-origin-resource-sharing-implemented-with-public-access": (0, "is public"),
    "cross-origin-resource-sharing-implemented-with-restricted-access": (
        0,
        "shares with some",
    ),
    "cross-origin-resource-sharing-implemented-with-universal-access": (
        -50,
        "lets every other site act as its visitor (CORS with credentials)",
    ),
}
_REDIRECTION = {
    "redirection-to-https": (0, "leads to https"),
    "redirection-not-needed-no-http": (0, "has no http"),
    "redirection-all-redirects-preloaded": (0, "is preloaded"),
    "redirection-off-host-from-http": (
        -5,
        "http leads to another host before https on this one",
    ),
    "redirection-not-to-https-on-initial-redirection": (
        -10,
        "http leads to http first, and only then to https",
    ),
    "redirection-not-to-https": (-20, "http does not lead to https in the end"),
    "redirection-missing": (-20, "is served over http, without a way to https"),
    "redirection-invalid-cert": (-20, "http leads to a certificate that is not valid"),
}
_HSTS = {
    "hsts-preloaded": (5, "is preloaded"),
    "hsts-implemented-max-age-at-least-six-months": (0, "has HSTS"),
    "hsts-implemented-max-age-less-than-six-months": (
        -10,
        "its HSTS lasts less than six months",
    ),
    "hsts-not-implemented": (-20, "has no Strict-Transport-Security"),
    "hsts-header-invalid": (-20, "its Strict-Transport-Security cannot be read"),
    "hsts-not-implemented-no-https": (-20, "has no https, and so no HSTS"),
    "hsts-invalid-cert": (-20, "has no HSTS without a valid certificate"),
}
_REFERRER = {
    "referrer-policy-private": (5, "tells others little"),
    "referrer-policy-not-implemented": (0, "leaves it to browsers"),
    "referrer-policy-unsafe": (-5, "its Referrer-Policy tells others too much"),
    "referrer-policy-header-invalid": (-5, "its Referrer-Policy cannot be read"),
}
_SRI = {
    "sri-implemented-and-all-scripts-loaded-securely": (5, "own scripts, with hashes"),
    "sri-implemented-and-external-scripts-loaded-securely": (5, "scripts with hashes"),
    "sri-not-implemented-response-not-html": (0, "no page"),
    "sri-not-implemented-but-no-scripts-loaded": (0, "no scripts"),
    "sri-not-implemented-but-all-scripts-loaded-from-secure-origin": (0, "own scripts"),
    "sri-not-implemented-but-external-scripts-loaded-securely": (
        -5,
        "loads others' scripts without a hash (integrity)",
    ),
    "sri-implemented-but-external-scripts-not-loaded-securely": (
        -20,
        "loads others' scripts with a hash, but not over https",
    ),
    "sri-not-implemented-and-external-scripts-not-loaded-securely": (
        -50,
        "loads others' scripts over http, without a hash",
    ),
}
_SNIFFING = {
    "x-content-type-options-nosniff": (0, "nosniff"),
    "x-content-type-options-not-implemented": (
        -5,
        "has no X-Content-Type-Options: nosniff",
    ),
    "x-content-type-options-header-invalid": (
        -5,
        "its X-Content-Type-Options is not nosniff",
    ),
}
_FRAMES = {
    "x-frame-options-implemented-via-csp": (5, "frame-ancestors"),
    "x-frame-options-sameorigin-or-deny": (0, "X-Frame-Options"),
    "x-frame-options-allow-from-origin": (0, "X-Frame-Options: ALLOW-FROM"),
    "x-frame-options-not-implemented": (
        -20,
        "lets any page frame it (no frame-ancestors, no X-Frame-Options)",
    ),
    "x-frame-options-header-invalid": (-20, "its X-Frame-Options cannot be read"),
}
_CORP = {
    "corp-implemented-with-same-origin": (10, "for this origin alone"),
    "corp-implemented-with-same-site": (10, "for this site alone"),
    "corp-implemented-with-cross-origin": (0, "for everybody"),
    "corp-not-implemented": (0, "leaves it to browsers"),
    "corp-header-invalid": (-5, "its Cross-Origin-Resource-Policy cannot be read"),
}
#: Test -> result -> what it is worth.
SCORES: Final[Mapping[str, Mapping[str, Scored]]] = {
    test: {result: Scored(*scored) for result, scored in table.items()}
    for test, table in (
        (CSP, _CSP), (COOKIES, _COOKIES), (CORS, _CORS), (REDIRECTION, _REDIRECTION),
        (HSTS, _HSTS), (REFERRER, _REFERRER), (SRI, _SRI), (SNIFFING, _SNIFFING),
        (FRAMES, _FRAMES), (CORP, _CORP),
    )
}  # fmt: skip


def score(results: Mapping[str, str]) -> int:
    """
    Return the points of *results* (test -> result); never below 0.

    Raises:
        KeyError: A test is missing, or has a result that nobody published: half a
            scan has no score.
    """
    points = [SCORES[test][results[test]].points for test in TESTS]
    base = _BASE + sum(p for p in points if p < 0)
    bonus = sum(p for p in points if p > 0) if base >= BONUS_FROM else 0
    return max(base + bonus, 0)


def grade(points: int) -> str:
    """Return the letter of so many *points*, ``A+`` to ``F``."""
    return next(letter for least, letter in _GRADES if points >= least)
