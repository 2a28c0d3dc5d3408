"""
What an authority says of a certificate it signed: when to renew, and revoked or not.

Sources: RFC 9773 (renewal information), RFC 5280 (5: revocation lists). None is asked
at each run: the answers are kept. That an authority cannot be asked is ``trouble``, and
takes nothing away from what is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from pydantic import JsonValue

from reconciler.errors import ProviderError, Rejected, Transient
from reconciler.kinds.certificate import Certificate
from reconciler.kinds.certificate.state import Advised, IssuanceState, Kept
from reconciler.kinds.provider import is_loopback
from reconciler.model import Account
from reconciler.providers._acme_line import REFUSED, asked, directory, sound
from reconciler.providers._acme_problem import read, refusal, wait
from reconciler.providers._certificate import certificates, crl_urls
from reconciler.providers._http import Http

AnswerT = TypeVar("AnswerT")
#: Let's Encrypt advises to ask twice a day at least; others may say what they want ...
_DAILY: Final = timedelta(hours=12)
#: ... within these (RFC 9773, 4.3.1: a client may set limits of its own).
_SOONEST, _LATEST = timedelta(hours=1), timedelta(hours=24)
#: Who knows nothing of a certificate is asked again then (RFC 9773, 4.3.3).
_NONE: Final = timedelta(hours=6)
#: The longest list of revoked certificates that is read, in bytes.
_MOST: Final = 16 << 20


class Advisor:
    """One look at what an authority says; thread-safe. Nobody silent is asked twice."""

    def __init__(self, account: Account, http: Http) -> None:
        self._account = account
        self._http = http
        self._lock = Lock()
        self._locks: dict[str, Lock] = {}
        self._silent: dict[str, str] = {}
        self._renewals: str | None = None
        self._asked = False
        self._lists: dict[str, x509.CertificateRevocationList] = {}

    def advised(
        self, want: Certificate, state: IssuanceState, chain: bytes
    ) -> IssuanceState:
        """Return *state* with the window, the revocation and what could not be read."""
        assert state.kept is not None  # noqa: S101  (there is a certificate)
        troubles: list[str] = []
        found: dict[str, Any] = {}
        if want.spec.renewal.ari and state.kept.ari:
            try:
                found["advised"] = self._window(state.kept)
            except ProviderError as error:
                troubles.append(error.what)
                found["advised"] = _window_of(self._kept(f"ari/{state.kept.ari}"))
        try:
            found["revoked"] = self._revoked(state.kept, chain)
        except ProviderError as error:
            troubles.append(error.what)
            found["revoked"] = _when(self._kept(_crl_key(state.kept)), "revoked")
        if troubles:
            found["trouble"] = "; ".join(troubles)
        return state.model_copy(update=found)

    def _kept(self, key: str) -> Mapping[str, JsonValue]:
        found = self._account.cache.get(key)
        return found if isinstance(found, dict) else {}

    # -- when to renew -------------------------------------------------------------

    def _window(self, kept: Kept) -> Advised | None:
        """Return the window that the authority suggests, asked again when it is due."""
        now, key = self._account.clock(), f"ari/{kept.ari}"
        old = self._kept(key)
        again = _when(old, "next")
        if again is not None and now < again:
            return _window_of(old)
        base = self._renewal_url()
        said: dict[str, JsonValue] = {}
        after = _NONE
        if base is not None:
            said, after = self._renewal(f"{base.rstrip('/')}/{kept.ari}", now)
        row = {**said, "seen": now.isoformat(), "next": (now + after).isoformat()}
        self._account.cache.put(key, row, max(kept.not_after, now + after))
        return _window_of(row)

    def _renewal_url(self) -> str | None:
        """Return where renewal information is to be had; None: not at this one."""
        url = self._account.endpoint or ""
        with self._own_lock(url):
            if not self._asked:
                found = self._heard(
                    url, lambda: directory(self._account, self._http, url)
                )
                place = found.get("renewalInfo")
                self._renewals = sound(str(place), url) if place else None
                self._asked = True
            return self._renewals

    def _directory(self) -> Mapping[str, Any]:
        return directory(self._account, self._http, self._account.endpoint or "")

    def _renewal(
        self, url: str, now: datetime
    ) -> tuple[dict[str, JsonValue], timedelta]:
        """Ask once; return the window, or nothing, and when to ask again."""
        answer = self._heard(url, lambda: asked(self._http, "GET", url, "renewal-info"))
        if answer.status >= REFUSED:
            error = refusal(answer, "renewal-info", now, self._http.shown)
            if isinstance(error, Rejected):
                return {}, _NONE  # it knows nothing of this one
            raise error
        told = wait(answer, now)
        after = _DAILY if told is None else timedelta(seconds=told)
        row = _read_window(read(answer))
        if row is None:
            return {}, _NONE
        return row, min(max(after, _SOONEST), _LATEST)

    # -- revoked or not ------------------------------------------------------------

    def _revoked(self, kept: Kept, chain: bytes) -> datetime | None:
        """Return when it was revoked, as its authority's list says."""
        now, key = self._account.clock(), _crl_key(kept)
        old = self._kept(key)
        again = _when(old, "next")
        if again is not None and now < again:
            return _when(old, "revoked")
        whole = certificates(chain)
        urls = crl_urls(whole[0])
        if not urls:
            return None
        if len(whole) < 2:  # noqa: PLR2004  (nobody is there who signed the list)
            raise Transient("its list of revoked certificates has an unknown signer")
        found = self._list(urls[0], whole[0], whole[1], now)
        entry = found.get_revoked_certificate_by_serial_number(whole[0].serial_number)
        at = None if entry is None else entry.revocation_date_utc
        until = min(found.next_update_utc or now + _DAILY, now + _DAILY)
        row: dict[str, JsonValue] = {
            "next": until.isoformat(),
            "revoked": at.isoformat() if at else None,
        }
        self._account.cache.put(key, row, max(kept.not_after, until))
        return at

    def _list(
        self, url: str, leaf: x509.Certificate, signer: x509.Certificate, now: datetime
    ) -> x509.CertificateRevocationList:
        """Return the list at *url*, fetched once, its signature checked."""
        with self._own_lock(url):
            if url not in self._lists:
                self._lists[url] = self._fetched(url, now)
            found = self._lists[url]
        if found.issuer != leaf.issuer or not _signed(found, signer):
            raise Transient("its list of revoked certificates is somebody else's")
        if found.next_update_utc is not None and found.next_update_utc <= now:
            raise Transient("its list of revoked certificates is out of date")
        return found

    def _fetched(self, url: str, now: datetime) -> x509.CertificateRevocationList:
        local = is_loopback(self._account.endpoint)
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or local != is_loopback(url):
            raise Transient("its list of revoked certificates is out of reach here")
        answer = self._heard(
            url,
            lambda: self._http.once(
                "GET", url, operation="get-crl", effect=False, most=_MOST
            ),
        )
        if answer.status >= REFUSED:
            raise refusal(answer, "get-crl", now, self._http.shown)
        try:
            return x509.load_der_x509_crl(answer.body)
        except (ValueError, UnsupportedAlgorithm):
            raise Transient("its list of revoked certificates cannot be read") from None

    # -- asking --------------------------------------------------------------------

    def _own_lock(self, url: str) -> Lock:
        with self._lock:
            return self._locks.setdefault(url, Lock())

    def _heard(self, url: str, ask: Callable[[], AnswerT]) -> AnswerT:
        """Ask, unless the same server did not answer before in this look."""
        host = urlsplit(url).netloc
        if host in self._silent:
            raise Transient(self._silent[host])
        try:
            return ask()
        except Transient as error:
            self._silent[host] = error.what
            raise


def _crl_key(kept: Kept) -> str:
    return f"crl/{kept.fingerprint}"


def _when(row: Mapping[str, JsonValue], key: str) -> datetime | None:
    found = row.get(key)
    return datetime.fromisoformat(found) if isinstance(found, str) else None


def _window_of(row: Mapping[str, JsonValue]) -> Advised | None:
    start, end, url = _when(row, "start"), _when(row, "end"), row.get("url")
    seen, check = _when(row, "seen"), _when(row, "next")
    if start is None or end is None or seen is None or check is None:
        return None
    return Advised(
        start=start, end=end, seen=seen, check=check, url=str(url) if url else None
    )


def _read_window(said: Any) -> dict[str, JsonValue] | None:
    """Return the window of an answer (RFC 9773, 4.2); None if it has no sound one."""
    window = said.get("suggestedWindow") if isinstance(said, dict) else None
    if not isinstance(window, dict):
        return None
    try:
        start, end = (_moment(window.get(key)) for key in ("start", "end"))
    except ValueError:
        return None
    if end <= start:
        return None
    url = said.get("explanationURL")
    return {
        "start": start.isoformat(),
        "end": end.isoformat(),
        "url": url if isinstance(url, str) and url.startswith("https://") else None,
    }


def _moment(text: Any) -> datetime:
    """Return an RFC 3339 time; raise ValueError for anything else."""
    found = datetime.fromisoformat(str(text))
    if found.tzinfo is None:
        raise ValueError("a time without a zone")
    return found.astimezone(UTC)


def _signed(found: x509.CertificateRevocationList, signer: x509.Certificate) -> bool:
    key: Any = signer.public_key()
    try:
        return found.is_signature_valid(key)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return False
