"""Accounts: made, found, changed, closed, given another key (RFC 8555, 7.3)."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from reconciler.sandbox import acme_jws, acme_limits
from reconciler.sandbox.acme_words import (
    Ask,
    Ca,
    Problem,
    Resource,
    Row,
    malformed,
    stamp,
    unauthorized,
)
from reconciler.sandbox.rest import Answer

_PAGE: Final = 100
_MAIL: Final = re.compile(r"mailto:[^@\s,?]+@[^@\s,?]+\.[^@\s,?]+")


def url_of(base: str, account: Row) -> str:
    """Return an account's URL: what a client sends as ``kid``."""
    return f"{base}/acme/acct/{account['id']}"


def _new(ca: Ca, ask: Ask) -> Answer:
    """Make an account, or find the one of this key."""
    data = ask.data
    known = ca.state["keys"].get(acme_jws.thumbprint(ask.key))
    if known is not None:
        account = ca.state["accounts"][known]
        if account["status"] != "valid":
            raise unauthorized(
                "An account with the provided public key exists but is deactivated"
            )
        return _shown(ask, account, 200)
    if data.get("onlyReturnExisting"):
        raise Problem("accountDoesNotExist", "No account exists with the provided key")
    if ca.seed.terms and data.get("termsOfServiceAgreed") is not True:
        raise _terms(ca)
    contact = _contact(data)
    binding = data.get("externalAccountBinding")
    if binding is None and ca.seed.external_account_required:
        raise Problem(
            "externalAccountRequired",
            "ACME server policy requires newAccount requests must include a value "
            "for the 'externalAccountBinding' field",
            403,
        )
    details = {}
    if binding is not None:
        keys = ca.seed.external_accounts
        details["binding"] = acme_jws.bound(binding, keys, ask.url, ask.key)
    acme_limits.for_account(ca, ask.sender)
    account = _added(ca, ask.key, contact)
    if binding is not None:
        account["binding"] = binding
    ca.bench.effect("newAccount", account["id"], authority=ca.name, **details)
    return _shown(ask, account, 201)


def _added(ca: Ca, key: str, contact: list[str]) -> Row:
    account: Row = {
        "id": str(ca.number("account")),
        "status": "valid",
        "contact": contact,
        "key": key,
        "thumbprint": acme_jws.thumbprint(key),
        "created": stamp(ca.now),
        "orders": [],
    }
    ca.state["accounts"][account["id"]] = account
    ca.state["keys"][account["thumbprint"]] = account["id"]
    return account


def _terms(ca: Ca) -> Problem:
    link = f'<{ca.seed.terms}>;rel="terms-of-service"'
    said = "Provided account did not agree to the terms of service"
    return Problem("userActionRequired", said, 403, headers={"link": link})


def _contact(data: Row) -> list[str]:
    found = data.get("contact") or []
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise malformed("contact is no list of URLs")
    for one in found:
        if not one.startswith("mailto:"):
            raise Problem(
                "unsupportedContact", "only contact scheme 'mailto:' is supported"
            )
        if not _MAIL.fullmatch(one):
            raise Problem("invalidContact", "unable to parse email address")
    return list(found)


def _account(ca: Ca, ask: Ask) -> Answer:
    """Show, change or close the account that asks."""
    if ask.rest != (ask.owner["id"],):
        raise unauthorized("Request signing key did not match account key")
    data = ask.data if ask.payload else {}
    if "contact" in data:
        ask.owner["contact"] = _contact(data)
        ca.bench.effect("updateAccount", ask.owner["id"], authority=ca.name)
    match data.get("status"):
        case "deactivated":
            ask.owner["status"] = "deactivated"
            ca.bench.effect("deactivate", ask.owner["id"], authority=ca.name)
        case None | "valid":
            pass
        case other:
            raise malformed(f"Invalid value provided for status field: {other!r}")
    return _shown(ask, ask.owner, 200)


def _shown(ask: Ask, account: Row, status: int) -> Answer:
    where = url_of(ask.base, account)
    said: dict[str, Any] = {
        "status": account["status"],
        "contact": account["contact"],
        "createdAt": account["created"],
        "key": _jwk(account["key"]),
        "orders": f"{ask.base}/acme/orders/{account['id']}",
    }
    if "binding" in account:
        said["externalAccountBinding"] = account["binding"]
    return Answer(status, said, {} if ask.account else {"location": where})


def _jwk(key: str) -> Row:
    found: Row = json.loads(key)
    return found


def _orders(ca: Ca, ask: Ask) -> Answer:
    """List an account's orders, a page at a time (RFC 8555, 7.1.2.1)."""
    if ask.rest[:1] != (ask.owner["id"],):
        raise unauthorized("Request signing key did not match account key")
    del ca
    first = int(ask.rest[1]) if ask.rest[1:] and ask.rest[1].isdecimal() else 0
    orders = ask.owner["orders"]
    page = [f"{ask.base}/acme/order/{one}" for one in orders[first : first + _PAGE]]
    further = first + _PAGE < len(orders)
    following = f"{ask.base}/acme/orders/{ask.owner['id']}/{first + _PAGE}"
    links = {"link": f'<{following}>;rel="next"'} if further else {}
    return Answer(200, {"orders": page}, links)


def _key_change(ca: Ca, ask: Ask) -> Answer:
    """Give an account another key; both have signed (RFC 8555, 7.3.5)."""
    inner = acme_jws.opened(ask.payload)
    if "kid" in inner.header or "jwk" not in inner.header:
        raise malformed("Inner JWS must have a jwk and no kid")
    key = acme_jws.canonical(inner.header["jwk"])
    acme_jws.verify(inner, key)
    if inner.header.get("url") != ask.url:
        raise malformed("JWS header parameter 'url' differs for inner and outer JWS.")
    if "nonce" in inner.header:
        raise malformed("Inner JWS must not have a nonce")
    data = ask._replace(payload=inner.payload).data
    if data.get("account") != url_of(ask.base, ask.owner):
        raise malformed("Inner key rollover request specified an incorrect account")
    if acme_jws.canonical(data.get("oldKey")) != ask.owner["key"]:
        raise malformed(
            "Inner JWS does not contain old key field matching current account key"
        )
    if key == ask.owner["key"]:
        raise malformed(
            "New key specified by rollover request is the same as the old key"
        )
    thumbprint = acme_jws.thumbprint(key)
    other = ca.state["keys"].get(thumbprint)
    if other is not None:
        where = url_of(ask.base, ca.state["accounts"][other])
        raise Problem(
            "conflict",
            "New key is already in use for a different account",
            409,
            headers={"location": where},
        )
    del ca.state["keys"][ask.owner["thumbprint"]]
    ask.owner.update(key=key, thumbprint=thumbprint)
    ca.state["keys"][thumbprint] = ask.owner["id"]
    ca.bench.effect("keyChange", ask.owner["id"], authority=ca.name)
    return _shown(ask, ask.owner, 200)


RESOURCES: Final = (
    Resource("newAccount", "new-acct", "jwk", _new),
    Resource("account", "acct", "kid", _account),
    Resource("orders", "orders", "kid", _orders, reads=True),
    Resource("keyChange", "key-change", "kid", _key_change),
)
