"""Whether mail for a name comes encrypted, and somebody hears when not. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from reconciler.model import Frozen, Severity

if TYPE_CHECKING:
    from reconciler.kinds.domain.registration import Note

_WHERE: Final = "spec.dns.records"
#: The checks of the DNS of a name, and how what they find is mended.
CHECKS: Final[Mapping[str, str]] = {
    "spf-missing": 'add a TXT record "v=spf1 -all", with who may send before -all',
    "spf-several": "keep one of the SPF records",
    "spf-too-many-lookups": "take includes out of the SPF record",
    "spf-open": "let the SPF record end in -all",
    "spf-no-end": "let the SPF record end in -all or ~all",
    "dmarc-missing": 'add a TXT record at _dmarc: "v=DMARC1; p=quarantine"',
    "dmarc-several": "keep one of the DMARC records",
    "dmarc-none": "ask for quarantine or reject",
    "caa-missing": "add a CAA record with the issuers that you use",
    "mta-sts-missing": "publish a policy (RFC 8461) and a TXT record at _mta-sts",
    "mta-sts-broken": "mend the policy: senders ignore it, or refuse to deliver",
    "mta-sts-unknown": "look why it does not answer: nothing is known of it",
    "tls-rpt-missing": "add a TXT record at _smtp._tls (RFC 8460)",
}


class MailState(Frozen):
    """
    What receives mail for a name; only where something does.

    Attributes:
        sts: The mode of its MTA-STS policy (RFC 8461): ``enforce``, ``testing``,
            ``none``; empty where it has none.
        wrong: Why the policy does not count, in words of ours.
        unknown: Why nobody can tell.
        reports: Whether a TLS-RPT record (RFC 8460) asks for reports.
    """

    sts: str = ""
    wrong: str | None = None
    unknown: str | None = None
    reports: bool | None = None


def receiving(state: MailState | None) -> Iterator[Note]:
    """Yield what is unwise about how mail comes in."""
    if state is None:
        return
    if state.unknown is not None:
        message = f"its MTA-STS policy could not be looked at: {state.unknown}"
        yield "mta-sts-unknown", Severity.WARNING, message, _WHERE
    elif state.wrong is not None:
        message = f"its MTA-STS policy does not count: {state.wrong}"
        yield "mta-sts-broken", Severity.WARNING, message, _WHERE
    elif not state.sts:
        message = "has no MTA-STS policy: mail to it may be sent unencrypted"
        yield "mta-sts-missing", Severity.INFO, message, ""
    if state.reports is False:
        message = "has no TLS-RPT record: nobody hears of mail that cannot be encrypted"
        yield "tls-rpt-missing", Severity.INFO, message, ""
