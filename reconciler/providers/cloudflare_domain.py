"""
Cloudflare Registrar, API version 4: registrations and their auto-renewal.

Source: Cloudflare's API reference and OpenAPI file (Registrar: registrations), the
interface that replaced ``/registrar/domains`` at its end of life (2026-09-27).

* The listing is by cursors and has everything but nameservers, which are always
  Cloudflare's own.
* The only thing that can be changed is ``auto_renew``. Turned on, it lets Cloudflare
  charge the account's payment method up to 30 days before expiry, at the price of
  that day. There is no call to renew: what it does not renew by itself, a person must.
* A change is a workflow: done at once (200), or to be asked for (202). It has no
  idempotency key, and the registration itself shows whether it happened.
* A registration that is pending has no expiry date yet, and is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from reconciler.errors import Ambiguous, ProviderError, Rejected, Unsupported
from reconciler.kinds.domain import (
    AutoRenew,
    Domain,
    DomainChange,
    Phase,
    RegistrationState,
)
from reconciler.kinds.domain.domain import as_domains
from reconciler.model import Account, Advice, Driver, Observation, OpClass, Receipt
from reconciler.providers import _registrar
from reconciler.providers._answers import mapping, rows
from reconciler.providers._http import Http, Reply, Words
from reconciler.providers._registrar import Pages, Row

BASE: Final = "https://api.cloudflare.com/client/v4"
PAGE: Final = 50
#: A token that ends sooner is named.
ENDS_SOON: Final = timedelta(days=30)
#: "1,200 requests per five minutes" for a whole user.
_LIMITS: Final = {"requestsPerSecond": 4.0}
_POLLS, _PAUSE = 6, 2.0
_PHASES: Final = {
    "expired": Phase.GRACE,
    "redemption_period": Phase.REDEMPTION,
    "pending_delete": Phase.PENDING_DELETE,
}


class CloudflareDomain(Driver[Domain, DomainChange]):
    """The registrations of one Cloudflare account."""

    can: ClassVar[Mapping[str, OpClass]] = {"auto-renew": OpClass.PROBE}
    credentials: ClassVar[frozenset[str]] = frozenset({"token"})

    def __init__(self, account: Account) -> None:
        self._account = account
        self._http = Http(
            account,
            BASE,
            _WORDS,
            headers={"Authorization": f"Bearer {account.secrets['token']}"},
            limits=_LIMITS if account.endpoint is None else None,
        )
        self._id: str | None = None

    def __repr__(self) -> str:
        return f"CloudflareDomain({self._account.name})"

    def identity(self) -> str | None:
        """
        Return the id of the account that the token can read.

        A token for several accounts belongs to the declared one if that is among
        them; without the permission to read accounts nobody can say.
        """
        ids: list[str] = []
        page, total = 1, 1
        while len(ids) < total:
            said = self._read("list-accounts", "/accounts", page=page, per_page=PAGE)
            listed = [str(one["id"]) for one in rows(said.get("result"), "accounts")]
            total = int(mapping(said.get("result_info"))["total_count"])
            if not listed:
                break
            ids += listed
            page += 1
        if self._account.identity in ids:
            return self._account.identity
        return ids[0] if ids else None

    def examine(self) -> Iterator[Advice]:
        """
        Say when the token ends (``verify token``, of a user or of an account).

        What a token may do is not told to the token itself.
        """
        ends = self._verified("/user") or self._verified(f"/accounts/{self.identity()}")
        if ends is not None and ends - self._account.clock() < ENDS_SOON:
            yield Advice(
                f"the token ends on {ends.date()}",
                "roll it at dash.cloudflare.com and put the new one where it is kept",
            )

    def _verified(self, owner: str) -> datetime | None:
        """Return when the token of *owner* ends; None where it does not, or not its."""
        try:
            said = self._read("verify-token", f"{owner}/tokens/verify")
        except Rejected:
            return None
        ends = mapping(said.get("result")).get("expires_on")
        return _registrar.utc(str(ends)) if ends else None

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    # -- observe ---------------------------------------------------------------

    def observe(self, wants: Sequence[Domain]) -> Observation:
        """Report all *wants* by the listing."""
        domains = as_domains(wants)
        self._http.counts()
        try:
            listed = _registrar.complete("", self._page)
        except ProviderError as error:
            seen = _registrar.all_unknown(domains, error)
        else:
            seen = _registrar.observation(
                domains, listed, lambda _, raw: self._known(raw)
            )
        return seen._replace(requests=self._http.counts())

    def _page(self, cursor: str) -> Pages[str]:
        """Return one page; "an empty cursor string indicates [...] no more pages"."""
        at = {"cursor": cursor} if cursor else {}
        path = self._at("")
        said = self._read("list-registrations", path, per_page=PAGE, **at)
        listed = rows(said.get("result"), "registrations")
        info = mapping(said.get("result_info"))
        following = info.get("cursor")
        if not isinstance(following, str) or info.get("count") != len(listed):
            raise Rejected("the listing does not say whether it is whole")
        found = [Row(str(row["domain_name"]).lower(), row) for row in listed]
        return Pages(found, following or None)

    def _known(self, raw: Mapping[str, Any]) -> RegistrationState:
        status = str(raw["status"])
        if not raw.get("expires_at"):
            raise Rejected(f"{status}: it has no expiry date (yet)")
        expires = _registrar.utc(str(raw["expires_at"]))
        by_date = _registrar.phase_by_date(expires, self._account.clock())
        return RegistrationState(
            expires=expires,
            phase=_PHASES.get(status, by_date),
            auto_renew=raw["auto_renew"],
            locked=raw["locked"],
            privacy=raw["privacy_mode"] == "redaction",
            renewable=False,
        )

    def _at(self, rest: str) -> str:
        """Return a path below the account's registrations; asked for its id once."""
        if self._id is None:
            self._id = self._account.identity or self.identity()
        if self._id is None:
            raise Rejected(
                "nothing tells which account the token is for",
                hint="name its id in `account`",
            )
        return f"/accounts/{self._id}/registrar/registrations{rest}"

    def _read(
        self, operation: str, path: str, **params: str | int
    ) -> Mapping[str, Any]:
        reply = self._http.call(
            "GET", path, operation=operation, effect=False, params=params
        )
        return mapping(reply.data)

    # -- apply -----------------------------------------------------------------

    def apply(self, want: Domain, change: DomainChange, key: str) -> Receipt:
        """Carry out one change; see ``Driver.apply``. There is no key to send."""
        del key
        if not isinstance(change, AutoRenew):
            raise Unsupported(f"Cloudflare cannot {change.verb} a domain")
        reply = self._http.call(
            "PATCH",
            self._at(f"/{want.name}"),
            operation="update-registration",
            effect=True,
            json={"auto_renew": _registrar.flag(change)},
        )
        number = _number(reply)
        self._await(want, mapping(mapping(reply.data)["result"]), number)
        return Receipt(reference=f"update/{want.name}", request_id=number)

    def _await(
        self, want: Domain, workflow: Mapping[str, Any], request_id: str | None
    ) -> None:
        """
        Return when *workflow* has ended well.

        Raises:
            Rejected: It failed.
            Ambiguous: It waits for the registry or for a person, or takes too long.
        """
        for poll in range(_POLLS):
            match workflow.get("state"):
                case "succeeded":
                    return
                case "failed":
                    said = workflow.get("error") or {}
                    text = self._http.shown(f"the update failed: {said.get('message')}")
                    raise Rejected(text, request_id=request_id)
                case "action_required":
                    what = "the update waits for somebody's action at Cloudflare"
                    raise Ambiguous(what, request_id=request_id)
                case _:
                    pass
            self._account.sleep(_PAUSE * 2**poll)
            try:
                said = self._read(
                    "get-update-status", self._at(f"/{want.name}/update-status")
                )
                workflow = mapping(said["result"])
            except (ProviderError, KeyError):
                continue
        state = workflow.get("state")
        raise Ambiguous(f"the update has begun and is {state}", request_id=request_id)

    # -- recover ---------------------------------------------------------------

    def happened(
        self, want: Domain, change: DomainChange, key: str, since: datetime
    ) -> bool | None:
        """Say from the registration itself whether a lost *change* took effect."""
        del key
        if change.verb not in self.can:
            return None
        try:
            said = self._read("get-registration", self._at(f"/{want.name}"))
            live = self._known(mapping(said["result"]))
            seen = want.done(change, {change.share: live})
        except (ProviderError, ValueError, KeyError, TypeError):
            return None
        settled = self._account.clock() - since >= self.settles
        return seen if seen or settled else None


def _said(data: Any) -> str:
    """Return what the envelope's ``errors`` say."""
    errors = data.get("errors") if isinstance(data, dict) else None
    found = [one for one in errors if isinstance(one, dict)] if errors else []
    plain = data.get("message") if isinstance(data, dict) else None
    return ", ".join(f"{e.get('code')} {e.get('message')}" for e in found) or str(
        plain or ""
    )


def _number(reply: Reply) -> str | None:
    return reply.headers.get("cf-ray")


def _refused(reply: Reply, text: str) -> ProviderError | None:
    number = _number(reply)
    if reply.status < 300:  # noqa: PLR2004
        good = isinstance(reply.data, dict) and reply.data.get("success") is True
        return None if good else Ambiguous(text, request_id=number)
    return Rejected(text, request_id=number)


_WORDS: Final = Words(_said, _refused)

DRIVER = CloudflareDomain
