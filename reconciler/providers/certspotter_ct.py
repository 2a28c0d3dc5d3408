"""
Who had certificates signed for our names: the public logs, as Cert Spotter reads them.

Source: SSLMate's Certificate Transparency Search API v1 (``/v1/issuances``). What
follows from it:

* One question for a domain with all that is below it; pages follow by ``after`` until
  an empty one. A log has what was signed and what was going to be: the service makes
  one *issuance* of both, and gives no serial number, so that the key
  (``pubkey_sha256``) tells whose it is.
* What has ended is not told. Times are RFC 3339, names A-labels.
* Only so many questions an hour are answered; then 429 with a Retry-After that is long.
  Nobody waits for it: the turn of what was not reached comes in a later run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from threading import Lock
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from pydantic import JsonValue

from reconciler.errors import ProviderError, Rejected, Transient
from reconciler.kinds.certificate import Certificate, Logged, TransparencyState
from reconciler.model import Account, Advice, Change, Observation, Witness
from reconciler.model.names import covered
from reconciler.providers._http import Http, Reply, Words
from reconciler.providers._looks import Habits, Looks, NotNow
from reconciler.providers._said import shown

BASE: Final = "https://api.certspotter.com"
#: More pages than this of one domain are no answer.
_PAGES: Final = 200
_FULL: Final = "answer 429"


class CertSpotter(Witness[Certificate]):
    """The public logs of certificates."""

    credentials: ClassVar[frozenset[str]] = frozenset({"token"})
    lists: ClassVar[bool] = False

    def __init__(self, account: Account) -> None:
        self._account = account
        words = Words(said=_said, refused=_refused)
        headers = {"Authorization": f"Bearer {account.secrets['token']}"}
        self._http = Http(account, BASE, words, headers=headers)
        habits = Habits("ct", TransparencyState, _mark, width=1)
        self._looks = Looks(account, self._http.base, habits)
        self._lock = Lock()
        self._known: dict[str, list[Logged]] = {}
        self._exact: dict[frozenset[str], str] = {}
        self._full = False

    def __repr__(self) -> str:
        return f"CertSpotter({self._account.name})"

    def observe(self, wants: Sequence[Certificate]) -> Observation:
        """Report what the logs have for the names of each certificate, once a day."""
        self._exact |= {frozenset(want.spec.names): want.name for want in wants}
        return self._looks.observe(wants, self._look)

    def touched(self, want: Certificate, change: Change | None) -> None:
        """Look again after any change; see ``Witness``."""
        del change
        self._looks.forget(want)

    def examine(self) -> Iterator[Advice]:
        """Ask once, so that a token that is not taken shows; see ``Driver``."""
        self._page("example.com", "")
        return iter(())

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def _look(self, want: Certificate) -> TransparencyState:
        found = {
            one.fingerprint: one
            for domain in _domains(want)
            for one in self._of(domain)
            if self._concerns(want, one)
        }
        logged = tuple(found[key] for key in sorted(found))
        return TransparencyState(seen=self._account.clock(), logged=logged)

    def _concerns(self, want: Certificate, one: Logged) -> bool:
        """Say whether it is for *want*: for its very names, or for none other's."""
        whose = self._exact.get(frozenset(one.names))
        if whose is not None:
            return whose == want.name
        return any(
            name in one.names or covered(name, one.names) for name in want.spec.names
        )

    def _of(self, domain: str) -> list[Logged]:
        """Return all that is known of *domain*, asked once in a run."""
        with self._lock:
            if domain not in self._known:
                if self._full:
                    raise NotNow("no more questions are answered in this run")
                self._known[domain] = [*self._pages(domain)]
            return self._known[domain]

    def _pages(self, domain: str) -> Iterator[Logged]:
        after = ""
        for _ in range(_PAGES):
            page = self._page(domain, after)
            if not page:
                return
            yield from map(_logged, page)
            last = str(page[-1]["id"])
            if last == after:
                raise Rejected("the listing gave the same page twice")
            after = last
        raise Rejected(f"there are more than {_PAGES} pages of {domain}")

    def _page(self, domain: str, after: str) -> list[Any]:
        asked = [("domain", domain), ("include_subdomains", "true")]
        asked += [("expand", "dns_names"), ("expand", "issuer")]
        asked += [("after", after)] if after else []
        path = f"/v1/issuances?{urlencode(asked)}"
        try:
            said = self._http.call("GET", path, operation="issuances", effect=False)
        except Transient as error:
            if _FULL not in error.what:
                raise
            self._full = True
            raise NotNow(error.what) from None
        if not isinstance(said.data, list):
            raise Rejected("issuances: the answer is no list")
        return said.data


def _domains(want: Certificate) -> list[str]:
    """Return the declared zones of its names; a name that is in none, itself."""
    zones, found = want.makings.zones, set()
    for name in want.spec.names:
        bare = name.removeprefix("*.")
        above = [z for z in zones if bare == z or bare.endswith(f".{z}")]
        found.add(max(above, key=len, default=bare))
    return sorted(found)


def _logged(row: Any) -> Logged:
    """Return one issuance; a strange one raises KeyError, TypeError or ValueError."""
    issuer = row.get("issuer") or {}
    called = issuer.get("friendly_name") or issuer.get("name") or "somebody"
    return Logged(
        names=tuple(sorted({str(name).lower() for name in row["dns_names"]})),
        issuer=shown(str(called))[:80],
        fingerprint=str(row["cert_sha256"]).lower(),
        spki=str(row["pubkey_sha256"]).lower(),
        not_before=_time(row["not_before"]),
        not_after=_time(row["not_after"]),
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _mark(want: Certificate) -> JsonValue:
    return [*want.spec.names]


def _said(data: Any) -> str:
    if not isinstance(data, dict):
        return ""
    return f"{data.get('code', '')}: {data.get('message', '')}"


def _refused(reply: Reply, text: str) -> ProviderError | None:
    return Rejected(text) if reply.status >= 400 else None  # noqa: PLR2004


DRIVER = CertSpotter
