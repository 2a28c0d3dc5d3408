"""
What a Content-Security-Policy allows, in the words of Mozilla's HTTP Observatory.

Sources: W3C Content Security Policy Level 3 (2.2: several policies all hold; 6.7.2:
hashes, nonces and 'strict-dynamic' switch other sources off) and the published tests of
the Observatory (tests_and_scoring), which says which finding comes before which.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

_BROAD: Final = frozenset(
    ("ftp:", "http:", "https:", "*", "http://*", "http://*.*", "https://*",
     "https://*.*")
)  # fmt: skip
_INLINE: Final = frozenset(("'unsafe-inline'", "data:"))
_PASSIVE: Final = ("img-src", "media-src")
_PROOFS: Final = ("'sha256-", "'sha384-", "'sha512-", "'nonce-")
_PLAIN: Final = ("http:", "ftp:")
#: Only a header may say these.
_HEADER_ONLY: Final = frozenset(("frame-ancestors", "report-uri", "sandbox"))
_TWICE: Final = frozenset(("report-uri", "report-to"))
_SHORTEST: Final = 6
_ANY: Final = frozenset("*")

Policy = Mapping[str, frozenset[str]]


class Csp(NamedTuple):
    """
    The verdict on all policies of a page.

    Attributes:
        result: As the Observatory calls it.
        framed: Whether a header says who may frame the page.
    """

    result: str
    framed: bool = False


def judged(headers: Sequence[str], metas: Sequence[str], *, reports: bool) -> Csp:
    """
    Return the verdict on the policies in *headers* and in ``<meta>`` elements.

    *reports* says whether there is a policy that only reports.
    """
    try:
        twice, by_header = _parsed(_split(headers))
        again, by_meta = _parsed(_split(metas))
    except ValueError:
        return Csp("csp-header-invalid")
    inside = [
        {name: of for name, of in policy.items() if name not in _HEADER_ONLY}
        for policy in by_meta
    ]
    policies = [policy for policy in (*by_header, *inside) if policy]
    if not policies:
        only = "csp-not-implemented-but-reporting-enabled"
        return Csp(only if reports else "csp-not-implemented")
    framed = any("frame-ancestors" in policy for policy in by_header)
    return Csp(_result(policies, twice=twice or again), framed)


def _split(values: Iterable[str]) -> list[str]:
    """Return one policy each: a comma ends one (CSP3, 2.2; RFC 9110, 5.3)."""
    return [part.strip() for value in values for part in value.split(",")]


def _parsed(texts: Iterable[str]) -> tuple[bool, list[Policy]]:
    """
    Return whether a place to report to is named twice, and the policies.

    Raises:
        ValueError: One is none, or says something twice.
    """
    twice = False
    policies: list[Policy] = []
    for text in texts:
        if len(text) < _SHORTEST:
            raise ValueError("too short for a policy")
        made: dict[str, frozenset[str]] = {}
        for part in filter(str.strip, text.split(";")):
            name, *sources = part.lower().split()
            if name not in made:
                empty = name.endswith("-src") and not sources
                made[name] = frozenset(("'none'",) if empty else sources)
            elif name in _TWICE:
                twice = True
            else:
                raise ValueError("a directive twice")
        policies.append(made)
    return twice, policies


def _result(policies: Sequence[Policy], *, twice: bool) -> str:
    scripts = _effective(policies, "script-src")
    if "'strict-dynamic'" in scripts:
        if not _proven(scripts):
            return "csp-header-invalid"
        scripts = _dynamic(scripts)
    objects = _effective(policies, "object-src")
    styles = _effective(policies, "style-src")
    active = {
        source
        for policy in policies
        for name, sources in policy.items()
        if name not in {*_PASSIVE, "script-src"}
        for source in _common(policies, name, sources)
    }
    passive = {s for name in _PASSIVE for s in _effective(policies, name) - _ANY}
    if scripts & (_BROAD | _INLINE) or objects & _BROAD:
        return "csp-implemented-with-unsafe-inline"
    if _over_http(active | scripts):
        return "csp-implemented-with-insecure-scheme"
    if "'unsafe-eval'" in scripts | styles:
        return "csp-implemented-with-unsafe-eval"
    found = "csp-implemented-with-no-unsafe"
    if _over_http(passive):
        found = "csp-implemented-with-insecure-scheme-in-passive-content-only"
    elif styles & (_BROAD | _INLINE):
        found = "csp-implemented-with-unsafe-inline-in-style-src-only"
    elif _effective(policies, "default-src") == {"'none'"}:
        found = "csp-implemented-with-no-unsafe-default-src-none"
    return "csp-implemented-but-duplicate-directives" if twice else found


def _effective(policies: Iterable[Policy], name: str) -> frozenset[str]:
    """Return what all *policies* together allow; ``*`` where none says anything."""
    sets = [policy.get(name, policy.get("default-src", _ANY)) for policy in policies]
    bound = [one for one in sets if one != _ANY] or [_ANY]
    left = frozenset.intersection(*bound) or frozenset(("'none'",))
    checked = name in {"script-src", "style-src"}
    return left - {"'unsafe-inline'"} if checked and _proven(left) else left


def _common(
    policies: Iterable[Policy], name: str, sources: frozenset[str]
) -> frozenset[str]:
    """Return those of *sources* that every policy with that directive allows."""
    others = [policy[name] for policy in policies if name in policy]
    return frozenset.intersection(sources, *others)


def _proven(sources: Iterable[str]) -> bool:
    return any(source.startswith(_PROOFS) for source in sources)


def _dynamic(sources: frozenset[str]) -> frozenset[str]:
    """Return what still counts beside ``'strict-dynamic'``: no host, no scheme."""
    off = {"'self'", "'unsafe-inline'"}
    return frozenset(one for one in sources - off if not one.startswith(tuple(_BROAD)))


def _over_http(sources: Iterable[str]) -> bool:
    return any(source.startswith(_PLAIN) for source in sources)
