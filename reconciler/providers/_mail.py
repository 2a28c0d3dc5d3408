"""
MTA-STS and TLS-RPT of a name that receives mail, as its senders see them.

Sources: RFC 8461 (3.1: the TXT record; 3.2 and 3.3: the policy, by https from
``mta-sts.`` with a certificate that holds, and no redirects; 4.1: which hosts match),
RFC 8460 (TLS-RPT), RFC 7505 (a null MX receives nothing).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from reconciler.errors import ProviderError
from reconciler.kinds.domain.mail import MailState
from reconciler.providers._names import Names, text_of
from reconciler.providers._network import Unreachable
from reconciler.providers._web import Web, unwilling

_PATH: Final = "/.well-known/mta-sts.txt"
_MOST: Final = 64 * 1024  # RFC 8461, 3.3
_FOUND: Final = 200
_MODES: Final = frozenset(("enforce", "testing", "none"))
_LONGEST: Final = 31_557_600


def mail(
    names: Names, web: Web, name: str, mx: Iterable[str] | None
) -> MailState | None:
    """
    Return how mail comes in; None where none does, or nobody knows.

    *mx* are the values of the name's MX records, in zone-file notation.
    """
    found = [value.split()[-1].lower().removesuffix(".") for value in mx or ()]
    hosts = [host for host in found if host]
    if not hosts:
        return None
    try:
        said = _texts(names, f"_mta-sts.{name}", "v=stsv1")
        reports = bool(_texts(names, f"_smtp._tls.{name}", "v=tlsrptv1"))
    except ProviderError as error:
        return MailState(unknown=error.what)
    if not said:
        return MailState(reports=reports)
    if len(said) > 1:
        return MailState(wrong="there are several records for it", reports=reports)
    return _policy(web, name, hosts).model_copy(update={"reports": reports})


def _texts(names: Names, at: str, version: str) -> list[str]:
    texts = map(text_of, names.resolve(at, "TXT").values)
    return [t for t in texts if t.lower().replace(" ", "").startswith(version)]


def _policy(web: Web, name: str, hosts: Iterable[str]) -> MailState:
    """Return what the policy is, with the hosts it has to be good for."""
    try:
        reply = web.get("https", f"mta-sts.{name}", _PATH, most=_MOST)
    except Unreachable:
        return MailState(wrong="its policy is served nowhere")
    except ProviderError as error:
        return MailState(unknown=error.what)
    if unwilling(reply):
        return MailState(unknown=f"it answers {reply.status}")
    if not reply.verified:
        return MailState(wrong="the certificate of its policy does not hold")
    if reply.status != _FOUND:
        return MailState(wrong=f"its policy answers {reply.status}")
    return _read(reply.text, hosts)


def _read(text: str, hosts: Iterable[str]) -> MailState:
    """Return what a policy says, with the hosts it has to be good for."""
    parts = [line.partition(":") for line in text.splitlines()]
    said = [(key.strip().lower(), value.strip().lower()) for key, _, value in parts]
    once = dict(reversed(said))
    mode, age = once.get("mode", ""), once.get("max_age", "")
    if once.get("version") != "stsv1" or mode not in _MODES:
        return MailState(wrong="its policy has no version or mode that is known")
    if not (age.isascii() and age.isdigit() and int(age[:12]) <= _LONGEST):
        return MailState(wrong="its policy has no max_age that is known")
    patterns = [value for key, value in said if key == "mx"]
    if mode != "none" and not all(_matches(host, patterns) for host in hosts):
        return MailState(wrong="a host that receives its mail is not in its policy")
    return MailState(sts=mode)


def _matches(host: str, patterns: Iterable[str]) -> bool:
    """Whether a pattern has *host*: a wildcard is one whole label (4.1)."""
    parent = f"*.{host.partition('.')[2]}"
    return any(pattern.removesuffix(".") in {host, parent} for pattern in patterns)
