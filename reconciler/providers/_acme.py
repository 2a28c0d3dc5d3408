"""
A client of RFC 8555: signed requests, nonces, the account and its key.

The messages are those of the library ``acme`` (JWS, external account binding), the
transport is ours; why, is argued in docs/adr/0035. Also: patience with nonces that are
refused (the library asks once more, a busy authority refuses more often), and the
change of the account's key (7.3.5). Everything is safe to ask again: an order or a
registration that is lost costs nothing.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64encode
from collections import deque
from collections.abc import Mapping
from datetime import datetime
from threading import Lock
from typing import Any, Final

from acme.jws import JWS
from acme.messages import Directory, ExternalAccountBinding
from cryptography.hazmat.primitives.asymmetric import ec
from josepy.errors import Error as JoseError
from josepy.json_util import decode_b64jose
from josepy.jwa import ES256, ES384, RS256
from josepy.jwk import JWKEC, JWKRSA
from josepy.util import ComparableECKey, ComparableRSAKey

from reconciler.errors import Ambiguous, ProviderError, Rejected, Transient
from reconciler.model import Account
from reconciler.model.driver import Answered
from reconciler.providers._acme_line import REFUSED, asked, directory, sound
from reconciler.providers._acme_problem import UNREACHABLE, refusal, wait
from reconciler.providers._certificate import private_key
from reconciler.providers._http import Http

#: So often in a row a nonce may be refused; Pebble refuses every twentieth for fun.
NONCES: Final = 20
#: What may be asked again is asked so often, if nothing comes back or a server error.
TRIES: Final = 4
_FIRST_PAUSE: Final = 0.5
#: A wait that an overloaded front door asks for is waited out if it is no longer.
_SHORT: Final = 30.0
_BUSY: Final = frozenset({429, 503})
_POOL: Final = 64
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]{8,}={0,2}")
_TYPE: Final = "application/jose+json"
_ALGORITHMS: Final = {"secp256r1": ES256, "secp384r1": ES384}
#: What the directory must have for an order (RFC 8555, 7.1.1).
NEEDED: Final = ("newNonce", "newAccount", "newOrder")


class AccountKey:
    """The private key of an account; never printed."""

    def __init__(self, pem: str, what: str) -> None:
        try:
            key = private_key(pem.encode())
        except Rejected as wrong:
            raise Rejected(f"the {what}: {wrong.what}") from None
        self.jwk: Any
        if isinstance(key, ec.EllipticCurvePrivateKey):
            self.jwk = JWKEC(key=ComparableECKey(key))
            self.algorithm: Any = _ALGORITHMS.get(key.curve.name)
        else:
            self.jwk = JWKRSA(key=ComparableRSAKey(key))
            self.algorithm = RS256
        if self.algorithm is None:
            raise Rejected(f"the {what} is on a curve that authorities do not take")
        self.public: Any = key.public_key()

    def __repr__(self) -> str:
        return "AccountKey(...)"

    @property
    def thumbprint(self) -> str:
        """What a challenge is proven with (RFC 7638), base64url."""
        digest: bytes = self.jwk.thumbprint()
        return urlsafe_b64encode(digest).rstrip(b"=").decode()

    def sign(self, payload: bytes, **header: Any) -> bytes:
        """Return *payload* as a flattened JWS."""
        made = JWS.sign(payload, key=self.jwk, alg=self.algorithm, **header)
        text: str = made.json_dumps()
        return text.encode()


class Acme:
    """
    One account at one directory; thread-safe once it is registered.

    Args:
        url: Of the directory.
        bound: Whether the account has to be bound to the external one that is declared.
    """

    def __init__(
        self, account: Account, http: Http, url: str, *, bound: bool = True
    ) -> None:
        self.http = http
        self.url = url
        self._account = account
        self._bound = bound
        self._lock = Lock()
        self._nonces: deque[str] = deque(maxlen=_POOL)
        self._directory: Mapping[str, Any] | None = None
        self._key: AccountKey | None = None
        self._kid: str | None = None

    def __repr__(self) -> str:
        return f"Acme({self._account.name})"

    def now(self) -> datetime:
        """The time, by the account's clock."""
        return self._account.clock()

    # -- the directory -------------------------------------------------------------

    @property
    def directory(self) -> Mapping[str, Any]:
        """
        The directory, asked for once.

        Raises:
            Transient: Nobody answers.
            Rejected: It is none.
        """
        if self._directory is None:
            self._directory = self._patiently()
            missing = [name for name in NEEDED if name not in self._directory]
            if missing:
                raise Rejected(f"{self.url} is no ACME directory: no {missing[0]}")
        return self._directory

    def _patiently(self) -> Mapping[str, Any]:
        """Ask for the directory, and again where nothing comes back."""
        for number in range(1, TRIES):
            try:
                return directory(self._account, self.http, self.url)
            except Transient:
                self._account.sleep(_FIRST_PAUSE * 2.0**number)
        return directory(self._account, self.http, self.url)

    @property
    def meta(self) -> Mapping[str, Any]:
        """What the directory says of the authority."""
        found = self.directory.get("meta")
        return found if isinstance(found, dict) else {}

    # -- the account ---------------------------------------------------------------

    @property
    def key(self) -> AccountKey:
        """The key that the account has now; only after ``register``."""
        assert self._key is not None  # noqa: S101  (see above)
        return self._key

    def register(self) -> None:
        """
        Find our account, or make it; move it to the next key where one is declared.

        Raises:
            ProviderError: The authority does not take it, or does not answer.
        """
        now = AccountKey(self._account.secrets["accountKey"], "account key")
        pem = self._account.secrets.get("nextAccountKey")
        if pem is None:
            self._enter(now)
            return
        after = AccountKey(pem, "next account key")
        if after.thumbprint == now.thumbprint:
            raise Rejected("the next account key is the account key itself")
        if self._found(after):
            return
        if self._found(now):
            self._change_key(now, after)
        else:
            self._enter(after)

    def holder(self) -> str | None:
        """Return which declared key has the account: its secret's name, or None."""
        for name in ("nextAccountKey", "accountKey"):
            pem = self._account.secrets.get(name)
            if pem is not None and self._found(AccountKey(pem, name)):
                return name
        return None

    def _found(self, key: AccountKey) -> bool:
        """Whether there is an account with *key*; it is ours from now on."""
        payload = {"onlyReturnExisting": True}
        try:
            self._take(key, payload)
        except Rejected as no:
            if no.reason == "accountDoesNotExist":
                return False
            raise
        return True

    def _enter(self, key: AccountKey) -> None:
        """Make the account with *key*; where it is there, this finds it (7.3.1)."""
        payload: dict[str, Any] = {"termsOfServiceAgreed": True}
        contact = self._account.settings.get("contact", "")
        if contact:
            payload["contact"] = [f"mailto:{one}" for one in contact.split(",")]
        kid = self._account.settings.get("eabKid")
        needed = bool(self.meta.get("externalAccountRequired"))
        if kid and (self._bound or needed):
            payload["externalAccountBinding"] = self._binding(key, kid)
        elif needed:
            raise Rejected(
                "the authority wants an account of its own to bind ours to",
                hint="eab: {kid: ..., hmac: {env: ...}} of the Issuer",
                reason="externalAccountRequired",
            )
        self._take(key, payload)

    def _binding(self, key: AccountKey, kid: str) -> Mapping[str, Any]:
        mac = self._account.secrets.get("eabHmac", "").strip()
        if not _BASE64URL.fullmatch(mac):
            raise Rejected("the MAC key of the external account is no base64url")
        made: Mapping[str, Any] = ExternalAccountBinding.from_data(
            key.jwk.public_key(), kid, mac.rstrip("="), Directory(dict(self.directory))
        )
        return made

    def _take(self, key: AccountKey, payload: Mapping[str, Any]) -> None:
        url = self.directory["newAccount"]
        answer = self.post(url, payload, "new-account", again=True, key=key)
        kid = answer.headers.get("location")
        if not kid:
            raise Rejected("the authority does not say where our account is")
        self._key, self._kid = key, self.sound(kid)

    def _change_key(self, old: AccountKey, new: AccountKey) -> None:
        """Move the account from one key to the other (RFC 8555, 7.3.5)."""
        url = self.directory.get("keyChange")
        if not url:
            raise Rejected("the authority cannot change the key of an account")
        inner = {"account": self._kid, "oldKey": old.jwk.public_key().to_json()}
        signed = new.sign(json.dumps(inner).encode(), nonce=None, url=url)
        try:
            self.post(url, json.loads(signed), "key-change")
        except ProviderError:
            if not self._found(new):  # the answer may have been lost
                raise
        self._key = new

    # -- requests ------------------------------------------------------------------

    def get(self, url: str, operation: str, accept: str = "") -> Answered:
        """Read *url* (POST-as-GET); raises as ``post``."""
        return self.post(url, None, operation, again=True, accept=accept)

    def post(
        self,
        url: str,
        payload: Mapping[str, Any] | None,
        operation: str,
        *,
        again: bool = False,
        key: AccountKey | None = None,
        accept: str = "",
    ) -> Answered:
        """
        Send *payload*, signed; return a good answer.

        Args:
            url: Where to, as the authority told it.
            payload: What is said; None reads (POST-as-GET).
            operation: What people call it.
            again: Asking twice does nothing that asking once does not.
            key: Sign with this one, which is told along: before there is an account.
            accept: The form of the answer, where there are several.

        Raises:
            Transient: No answer, or a server error: it may have been done.
            TooEarly: A rate limit.
            Rejected: Refused, and why.
        """
        refused, tries = 0, 0
        while True:
            failure, answer, pause = self._asked(url, payload, operation, key, accept)
            if failure is None:
                assert answer is not None  # noqa: S101  (one of the two is there)
                return answer
            if failure.reason == "badNonce":
                refused += 1
                if refused > NONCES:
                    raise failure
                continue
            tries += 1
            told = _wait(failure, answer, pause, tries, again=again)
            if told is None or tries >= TRIES:
                raise _as_transient(failure)
            self._account.sleep(told)

    def _asked(
        self,
        url: str,
        payload: Mapping[str, Any] | None,
        operation: str,
        key: AccountKey | None,
        accept: str,
    ) -> tuple[ProviderError | None, Answered | None, float | None]:
        """Send it once; return what went wrong, the answer and how long to wait."""
        try:
            nonce = decode_b64jose(self._nonce())
        except ProviderError as failure:
            return failure, None, None
        except JoseError:
            return Rejected("a nonce of the authority is no base64url"), None, None
        kid = None if key else self._kid
        signer = key or self.key
        header = {"nonce": nonce, "url": url, "kid": kid}
        data = b"" if payload is None else json.dumps(payload).encode()
        headers = {"Content-Type": _TYPE, **({"Accept": accept} if accept else {})}
        try:
            answer = self.http.once(
                "POST",
                self.sound(url),
                operation=operation,
                effect=True,
                body=signer.sign(data, **header),
                headers=headers,
            )
        except (Transient, Ambiguous) as failure:
            failure.reason = UNREACHABLE
            return failure, None, None
        self._keep(answer)
        if answer.status < REFUSED:
            return None, answer, None
        now = self._account.clock()
        refused = refusal(answer, operation, now, self.http.shown)
        return refused, answer, wait(answer, now)

    def sound(self, url: str) -> str:
        """
        Return *url* if it may be asked: encrypted, and on this machine where we are.

        Raises:
            Rejected: An authority leads elsewhere.
        """
        return sound(url, self.url)

    def _nonce(self) -> str:
        with self._lock:
            if self._nonces:
                return self._nonces.pop()
        answer = asked(self.http, "HEAD", self.sound(self.directory["newNonce"]))
        nonce = answer.headers.get("replay-nonce")
        if nonce is None:
            status = f"{answer.status}"
            raise Transient(f"new-nonce: answer {status} has none", reason=status)
        return nonce

    def _keep(self, answer: Answered) -> None:
        nonce = answer.headers.get("replay-nonce")
        if nonce:
            with self._lock:
                self._nonces.append(nonce)


def _wait(
    failure: ProviderError,
    answer: Answered | None,
    pause: float | None,
    tries: int,
    *,
    again: bool,
) -> float | None:
    """Return in how many seconds the same may be asked again; None: not at all."""
    if answer is not None and answer.status in _BUSY and pause is not None:
        return pause if pause <= _SHORT else None  # it was not even looked at
    unsent = answer is None and isinstance(failure, Transient)
    asks = isinstance(failure, (Transient, Ambiguous)) and (again or unsent)
    return _FIRST_PAUSE * 2.0**tries if asks else None


def _as_transient(failure: ProviderError) -> ProviderError:
    """Return *failure*; what may have happened is as good as not: it costs nothing."""
    if isinstance(failure, Ambiguous):
        return Transient(failure.what, reason=failure.reason)
    return failure
