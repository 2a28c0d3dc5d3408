"""
What happens at an authority without a request: by its own hand, or a person's.

``POST /acme/<thing>`` of the control endpoint; ``authority`` may be left out where
there is one. ``settings`` {field: value, ...} (see ``AuthoritySeed``), ``down`` {for:
SECONDS}, ``nonces`` {refuse: N}, ``renewal`` (a window, or anything at all as the
answer), ``revoke``, ``unpause``, ``refill`` (limits), ``caa`` {name, rows}, ``bogus``
{name}. ``renewal`` and ``revoke`` are for the certificates of a ``serial`` or a
``name``, or all. ``GET /acme/<thing>``: ``certificates``, ``accounts``, ``orders``,
``roots``, ``limits``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import ValidationError

from reconciler.errors import ReconcilerError
from reconciler.sandbox.acme_renewal import certificate_id, immediate, revoke
from reconciler.sandbox.acme_seeds import AuthoritySeed
from reconciler.sandbox.acme_words import Ca, Row, stamp
from reconciler.sandbox.emulator import Bench

_NESTED: Final = frozenset({"profiles", "externalAccounts"})
_SUPERSEDED: Final = 4


def edit(bench: Bench, thing: str, data: Mapping[str, Any]) -> None:
    """
    Change something by hand.

    Raises:
        ReconcilerError: There is no such thing, or it cannot be so.
    """
    given = dict(data)
    match thing, given:
        case "caa", {"name": str() as name, "rows": list() | None as rows}:
            bench.state["caa"].pop(name, None)
            if rows is not None:
                bench.state["caa"][name] = [str(row) for row in rows]
        case "bogus", {"name": str() as name}:
            known = [one for one in bench.state["bogus"] if one != name]
            bench.state["bogus"] = known if given.get("mended") else [*known, name]
        case _:
            name = _authority(bench, given.pop("authority", None))
            _edit(_ca(bench, name), thing, given)
    bench.effect("by-hand", str(given.get("name", name)), thing=thing)


def _authority(bench: Bench, name: Any) -> str:
    known = bench.state["authorities"]
    if name is None and len(known) == 1:
        return str(next(iter(known)))
    if name not in known:
        raise ReconcilerError(f"there is no authority {name!r}: {', '.join(known)}")
    return str(name)


def _ca(bench: Bench, name: str) -> Ca:
    state = bench.state["authorities"][name]
    return Ca(bench, name, AuthoritySeed.model_validate(state["settings"]), state)


def _edit(ca: Ca, thing: str, given: Row) -> None:
    match thing, given:
        case "settings", _ if given:
            _settle(ca, given)
        case "down", {"for": int() | float() as seconds}:
            _settle(ca, {"downUntil": ca.now.timestamp() + seconds})
        case "nonces", {"refuse": int() as number}:
            ca.state["refusing"] = number
        case "renewal", _:
            _renewal(ca, given)
        case "revoke", _:
            reason, said = given.get("reason", _SUPERSEDED), given.get("explanation")
            for serial, row in _meant(ca, given):
                if "revoked" not in row:
                    revoke(ca, serial, int(reason), said)
        case "unpause", _:
            _unpause(ca, given.get("account"))
        case "refill", _:
            ca.state["buckets"].clear()
        case _:
            raise ReconcilerError(
                "post settings, down, nonces, renewal, revoke, unpause, refill, caa "
                f"or bogus to acme; not {thing} with {sorted(given)}"
            )


def _settle(ca: Ca, fields: Row) -> None:
    settings = dict(ca.state["settings"])
    for field, value in fields.items():
        old = settings.get(field)
        if field in _NESTED and isinstance(old, dict) and isinstance(value, dict):
            settings[field] = {**old, **value}
        else:
            settings[field] = value
    try:
        AuthoritySeed.model_validate(settings)
    except ValidationError as wrong:
        raise ReconcilerError(f"an authority cannot be so: {wrong}") from None
    ca.state["settings"] = settings


def _renewal(ca: Ca, fields: Row) -> None:
    """Say something else about renewal: a window, now, anything, or as usual again."""
    wanted = {k: v for k, v in fields.items() if k not in {"serial", "name"}}
    match wanted:
        case {"now": True, **rest}:
            said: Any = immediate(ca.now, rest.get("explanation"))
        case {"start": start, "end": end, **rest}:
            said = {"suggestedWindow": {"start": start, "end": end}}
            if rest.get("explanation"):
                said["explanationURL"] = rest["explanation"]
        case {"answer": said}:
            pass
        case {"usual": True}:
            said = None
        case _:
            raise ReconcilerError("a renewal is {now}, {start, end}, {answer}, {usual}")
    for _, row in _meant(ca, fields):
        row.pop("information", None)
        if said is not None:
            row["information"] = said


def _meant(ca: Ca, fields: Row) -> Iterator[tuple[str, Row]]:
    """Yield the certificates that are meant and have not ended."""
    serial, name = fields.get("serial"), fields.get("name")
    found = [
        (number, row)
        for number, row in ca.state["certificates"].items()
        if serial in {None, number}
        and (name is None or name in row["names"])
        and row["ends"] > ca.now.timestamp()
    ]
    if not found and (serial or name):
        raise ReconcilerError(f"{ca.name} has no certificate {serial or name}")
    yield from found


def _unpause(ca: Ca, account: Any) -> None:
    """Do what the portal does: all paused names of an account, or of all."""
    paused = ca.state["paused"]
    for key in [k for k in paused if account in {None, k.partition("|")[0]}]:
        del paused[key]
        who, _, name = key.partition("|")
        ca.state["buckets"].pop(f"consecutiveFailures|{who}|{name}", None)


def look(bench: Bench, thing: str) -> Any:
    """Return what the authorities hold."""
    cas = [_ca(bench, name) for name in bench.state["authorities"]]
    match thing:
        case "roots":
            return {ca.name: ca.state["ca"]["roots"] for ca in cas}
        case "certificates":
            return [_shown(ca, *one) for ca in cas for one in _all(ca)]
        case "accounts":
            return [
                {"authority": ca.name, **{k: a[k] for k in ("id", "status", "contact")}}
                for ca in cas
                for a in ca.state["accounts"].values()
            ]
        case "orders":
            kept = ("id", "account", "names", "profile", "status")
            return [
                {"authority": ca.name, **{k: order[k] for k in kept}}
                for ca in cas
                for order in ca.state["orders"].values()
            ]
        case "limits":
            return {
                ca.name: {
                    "full again": {
                        k: stamp(at) for k, at in ca.state["buckets"].items()
                    },
                    "paused": ca.state["paused"],
                }
                for ca in cas
            }
        case _:
            raise ReconcilerError(
                "acme shows roots, certificates, accounts, orders and limits"
            )


def _all(ca: Ca) -> Iterator[tuple[str, Row]]:
    yield from ca.state["certificates"].items()


def _shown(ca: Ca, serial: str, row: Row) -> Row:
    said = {
        "authority": ca.name,
        "serial": serial,
        "id": certificate_id(ca, serial),
        "account": row["account"],
        "names": row["names"],
        "profile": row["profile"],
        "notBefore": stamp(row["begins"]),
        "notAfter": stamp(row["ends"]),
        "replacedBy": row.get("replaced"),
        "pem": row["pem"],
    }
    revoked = row.get("revoked")
    return {**said, "revoked": revoked and {**revoked, "at": stamp(revoked["at"])}}
