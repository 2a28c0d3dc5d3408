"""Orders and authorizations: what is asked for, and what has to be proven first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from reconciler.sandbox import acme_limits, acme_names, acme_renewal
from reconciler.sandbox.acme_accounts import url_of
from reconciler.sandbox.acme_words import (
    Ask,
    Ca,
    Problem,
    Resource,
    Row,
    b64,
    malformed,
    missing,
    stamp,
    unauthorized,
)
from reconciler.sandbox.rest import Answer

_MEMBERS: Final = frozenset({"identifiers", "notBefore", "notAfter"})
#: How long a name had a certificate before counts as a renewal of it, in seconds.
_RENEWAL: Final = 120 * 86400
_SOON: Final = 3600.0
#: Let's Encrypt: an authorization that ends within an eighth of an order's life.
_SHARE: Final = 8


def _new(ca: Ca, ask: Ask) -> Answer:
    """Place an order, or give the open one for the same names again."""
    data = ask.data
    names = acme_names.asked(data.get("identifiers"))
    if data.get("notBefore") or data.get("notAfter"):
        raise malformed("NotBefore and NotAfter are not supported")
    if ca.seed.refuses_unknown and (unknown := sorted(data.keys() - _known(ca))):
        raise malformed(f"NewOrder request has an unknown member {unknown[0]!r}")
    acme_limits.paused(ca, ask.owner["id"], names)
    replaces, free = acme_renewal.replaced(ca, ask, data.get("replaces"), names)
    asked = data.get("profile") if ca.seed.lists_profiles else None
    profile = _profile(ca, asked, names)
    renewal = free or _had(ca, names)
    if not free:
        acme_limits.for_order(ca, ask.owner["id"], names, renewal=renewal)
    _allowed(ca, names)
    order = _open(ca, ask.owner, names, asked)
    if order is None:
        order = _placed(ca, ask, names, profile, asked=asked, renewal=renewal)
    if replaces:
        order["replaces"] = replaces
        ca.state["certificates"][acme_renewal.serial_of(replaces)]["successor"] = order[
            "id"
        ]
    return Answer(201, shown(ca, ask.base, order), _located(ask, order))


def _known(ca: Ca) -> frozenset[str]:
    known = {"profile"} if ca.seed.lists_profiles else set()
    return _MEMBERS | known | ({"replaces"} if ca.seed.renewal_info else set())


def _profile(ca: Ca, asked: Any, names: Sequence[str]) -> str:
    name = asked or ca.seed.default_profile
    if name not in ca.seed.profiles:
        raise Problem("invalidProfile", f'profile name "{name}" not recognized')
    most = ca.seed.profiles[name].max_names
    if len(names) > most:
        raise malformed(f"Order cannot contain more than {most} identifiers")
    return str(name)


def _had(ca: Ca, names: Sequence[str]) -> bool:
    """Whether the same names had a certificate before."""
    before = ca.state["sets"].get(",".join(names))
    return before is not None and ca.now.timestamp() - before < _RENEWAL


def _allowed(ca: Ca, names: Sequence[str]) -> None:
    for name in names:
        plain = name.removeprefix("*.")
        if any(plain == one or plain.endswith(f".{one}") for one in ca.seed.forbidden):
            raise Problem(
                "rejectedIdentifier",
                f'Cannot issue for "{name}": The ACME server refuses to issue a '
                "certificate for this domain name, because it is forbidden by policy",
            )


def _open(ca: Ca, account: Row, names: list[str], asked: Any) -> Row | None:
    if not ca.seed.reuse_orders:
        return None
    found = ca.state["open"].get(f"{account['id']}|{','.join(names)}")
    order: Row | None = ca.state["orders"].get(found)
    if order is None or order["asked"] != asked:
        return None
    return order if status(ca, order) in {"pending", "ready"} else None


def _placed(
    ca: Ca, ask: Ask, names: list[str], profile: str, *, asked: Any, renewal: bool
) -> Row:
    lasts = ca.seed.profiles[profile].order
    order: Row = {
        "id": str(ca.number("order")),
        "account": ask.owner["id"],
        "names": names,
        "profile": profile,
        "asked": asked,
        "status": "pending",
        "created": ca.now.timestamp(),
        "expires": (ca.now + lasts).timestamp(),
        "renewal": renewal,
        "base": ask.base,
    }
    order["authorizations"] = [_authorization(ca, order, name) for name in names]
    ca.state["orders"][order["id"]] = order
    ca.state["open"][f"{ask.owner['id']}|{','.join(names)}"] = order["id"]
    ask.owner["orders"].append(order["id"])
    return order


def _authorization(ca: Ca, order: Row, name: str) -> str:
    """Return the valid authorization of a name, or a new one."""
    profile, now = ca.seed.profiles[order["profile"]], ca.now.timestamp()
    index = f"{order['account']}|{order['asked']}|{name}"
    found: str | None = ca.state["proven"].get(index)
    if found is not None and ca.seed.reuse_authorizations:
        margin = min(max(profile.order.total_seconds() / _SHARE, _SOON), 24 * _SOON)
        known = ca.state["authorizations"][found]
        if known["status"] == "valid" and known["expires"] > now + margin:
            return found
    made: Row = {
        "id": str(ca.number("authorization")),
        "account": order["account"],
        "name": name,
        "index": index,
        "status": "pending",
        "expires": now + profile.pending.total_seconds(),
        "reuse": profile.reuse.total_seconds(),
    }
    made["challenges"] = [
        _challenge(ca, kind)
        for kind in ca.seed.challenges
        if kind != "http-01" or not name.startswith("*.")
    ]
    ca.state["authorizations"][made["id"]] = made
    return str(made["id"])


def _challenge(ca: Ca, kind: str) -> Row:
    token = ca.token("challenge", 32)
    made: Row = {"type": kind, "id": b64(token[:4]), "status": "pending"}
    if kind != "dns-persist-01":
        made["token"] = b64(token)
    return made


def status(ca: Ca, order: Row) -> str:
    """Return how an order stands: its own end, or that of its authorizations."""
    said: str = order["status"]
    if said != "pending":
        return said
    if order["expires"] <= ca.now.timestamp():
        return "invalid"
    found = {standing(ca, one) for one in authorizations(ca, order)}
    if found - {"pending", "valid"}:
        return "invalid"
    return "ready" if found == {"valid"} else "pending"


def authorizations(ca: Ca, order: Row) -> list[Row]:
    """Return the authorizations of an order, in the order of its names."""
    return [ca.state["authorizations"][one] for one in order["authorizations"]]


def standing(ca: Ca, authorization: Row) -> str:
    """Return how an authorization stands now: those that are over say so."""
    said: str = authorization["status"]
    over = authorization["expires"] <= ca.now.timestamp()
    if not over or said not in {"pending", "valid"}:
        return said
    return "expired" if said == "valid" else "invalid"


def shown(ca: Ca, base: str, order: Row) -> Row:
    """Return an order as it is sent."""
    said = {
        "status": status(ca, order),
        "expires": stamp(order["expires"]),
        "identifiers": [{"type": "dns", "value": name} for name in order["names"]],
        "authorizations": [f"{base}/acme/authz/{a}" for a in order["authorizations"]],
        "finalize": f"{base}/acme/finalize/{order['id']}",
    }
    if order["asked"]:
        said["profile"] = order["asked"]
    for member in ("replaces", "error"):
        if member in order:
            said[member] = order[member]
    if "certificate" in order and said["status"] == "valid":
        said["certificate"] = f"{base}/acme/cert/{order['certificate']}"
    return said


def _located(ask: Ask, order: Row) -> dict[str, str]:
    return {"location": f"{ask.base}/acme/order/{order['id']}"}


def own(ca: Ca, ask: Ask) -> Row:
    """Return the order that is asked for; raise Problem where it is not theirs."""
    order: Row | None = ca.state["orders"].get(ask.rest[0] if ask.rest else "")
    if order is None or order["account"] != ask.owner["id"] or len(ask.rest) != 1:
        raise missing(f"No order found for account ID {ask.owner['id']}")
    return order


def answered(ca: Ca, ask: Ask, order: Row) -> Answer:
    """Return an order with where it is, and when to come again."""
    said = shown(ca, ask.base, order)
    headers = _located(ask, order)
    if said["status"] == "processing":
        headers["retry-after"] = str(ca.seed.retry_after)
    return Answer(200, said, headers)


def _order(ca: Ca, ask: Ask) -> Answer:
    return answered(ca, ask, own(ca, ask))


def _mine(ca: Ca, ask: Ask) -> Row:
    found: Row | None = ca.state["authorizations"].get(ask.rest[0] if ask.rest else "")
    if found is None:
        raise missing("No such authorization")
    if found["account"] != ask.owner["id"]:
        raise unauthorized(
            "Account authorizing the request is not the owner of the authorization"
        )
    return found


def _authz(ca: Ca, ask: Ask) -> Answer:
    """Show an authorization, or give it up (RFC 8555, 7.5.2)."""
    found = _mine(ca, ask)
    if ask.payload:
        if ask.data.get("status") != "deactivated":
            raise malformed(
                'Malformed authorization update, status must be "deactivated"'
            )
        if standing(ca, found) not in {"pending", "valid"}:
            raise malformed("Authorization is not pending or valid")
        found["status"] = "deactivated"
        ca.bench.effect("deactivateAuthorization", found["name"], authority=ca.name)
    headers = {}
    if any(one["status"] == "processing" for one in found["challenges"]):
        headers["retry-after"] = str(ca.seed.retry_after)
    return Answer(200, _authorized(ca, ask.base, found), headers)


def _authorized(ca: Ca, base: str, found: Row) -> Row:
    said = standing(ca, found)
    name: str = found["name"]
    decided = said not in {"pending", "deactivated"}
    challenges = [
        challenge(ca, base, found, one)
        for one in found["challenges"]
        if not decided or one["status"] in {"valid", "invalid"}
    ]
    made = {
        "status": said,
        "identifier": {"type": "dns", "value": name.removeprefix("*.")},
        "expires": stamp(found["expires"]),
        "challenges": challenges,
    }
    return {**made, "wildcard": True} if name.startswith("*.") else made


def challenge(ca: Ca, base: str, authorization: Row, found: Row) -> Row:
    """Return a challenge as it is sent."""
    said = {
        "type": found["type"],
        "url": f"{base}/acme/chall/{authorization['id']}/{found['id']}",
        "status": found["status"],
    }
    for member in ("token", "validated", "error"):
        if member in found:
            said[member] = found[member]
    if found["type"] == "dns-persist-01":
        account = ca.state["accounts"][authorization["account"]]
        said["accounturi"] = url_of(base, account)
        said["issuer-domain-names"] = ca.seed.caa_identities
    return said


def _chall(ca: Ca, ask: Ask) -> Answer:
    """Show a challenge, or begin to look whether it was met (RFC 8555, 7.5.1)."""
    found = _mine(ca, ask)
    wanted = ask.rest[1:]
    picked = next((c for c in found["challenges"] if (c["id"],) == wanted), None)
    if picked is None:
        raise missing("No such challenge")
    headers = {"link": f'<{ask.base}/acme/authz/{found["id"]}>;rel="up"'}
    if ask.payload:
        if ask.data:
            raise malformed("challenge initiation POST JWS body was not {}")
        _begin(ca, ask, found, picked, ca.now)
    return Answer(200, challenge(ca, ask.base, found, picked), headers)


def _begin(ca: Ca, ask: Ask, found: Row, picked: Row, now: datetime) -> None:
    if standing(ca, found) != "pending":
        if picked["status"] in {"valid", "invalid"}:
            return  # asked twice: nothing happens twice
        raise malformed("Unable to update challenge :: authorization must be pending")
    if any(one["status"] == "processing" for one in found["challenges"]):
        return
    picked["status"] = "processing"
    picked["account"] = url_of(ask.base, ask.owner)
    ca.job("validate", f"{found['id']}/{picked['id']}", now + ca.seed.validating)


RESOURCES: Final = (
    Resource("newOrder", "new-order", "kid", _new),
    Resource("order", "order", "kid", _order, reads=True),
    Resource("authorization", "authz", "kid", _authz),
    Resource("challenge", "chall", "kid", _chall),
)
