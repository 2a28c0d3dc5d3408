"""
Who signed a webhook of PayPal; see ``_paypal_signature``.

A delivery is tried again for three days, and nobody documents whether its time stays
that of the first try: so a signature is good for that long. An event only wakes a look
at the account, and is known by its id when it comes again.
"""

from __future__ import annotations

from datetime import timedelta
from threading import Lock
from typing import ClassVar, Final
from urllib.parse import urlsplit

from reconciler.model import Account
from reconciler.providers._http import Http
from reconciler.providers._paypal import WORDS
from reconciler.providers._paypal_signature import allowed, fits, signature
from reconciler.providers._webhook import Forged, Posted, identity, timely

#: Documented: up to 25 tries in 3 days; and an hour more.
_TRIED: Final = timedelta(days=3, hours=1)
_MOST: Final = 4


class PayPalHook:
    """The webhook's id of one account; several, separated by blanks."""

    credentials: ClassVar[frozenset[str]] = frozenset({"webhookId"})

    def __init__(self, account: Account) -> None:
        self._account = account
        self._ids = account.secrets["webhookId"].split()
        if not self._ids or not all(one.isalnum() for one in self._ids):
            raise ValueError("webhookId is letters and digits, as PayPal shows it")
        self._lock = Lock()
        self._certificates: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return "PayPalHook()"

    def event(self, posted: Posted) -> str:
        """Return the event's id; see ``Verifier.event``."""
        given = signature(posted.headers)
        if given is None:
            raise Forged("a PayPal header is missing, or cannot be read")
        timely(given.at, posted.now, _TRIED)
        if not allowed(given.url):
            raise Forged("the certificate is said to be where PayPal has none")
        pem = self._certificate(given.url)
        ours = (fits(given, posted.body, one, pem, posted.now) for one in self._ids)
        if not any(ours):
            raise Forged("PAYPAL-TRANSMISSION-SIG does not fit")
        return identity(posted.body)

    def _certificate(self, url: str) -> bytes:
        """Return what is at *url*; once fetched, it is known. Raises ProviderError."""
        with self._lock:
            known = self._certificates.get(url)
        if known is not None:
            return known
        parts = urlsplit(url)
        http = Http(self._account, f"https://{parts.hostname}", WORDS, headers={})
        try:
            reply = http.call(
                "GET", parts.path, operation="getCertificate", effect=False, plain=True
            )
        finally:
            http.close()
        pem = str(reply.data).encode()
        with self._lock:
            if len(self._certificates) >= _MOST:
                self._certificates.clear()
            self._certificates[url] = pem
        return pem


HOOK = PayPalHook
