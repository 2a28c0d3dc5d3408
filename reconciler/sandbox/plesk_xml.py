"""
Plesk's XML API (``agent.php``), as far as subscriptions and their certificates go.

After docs.plesk.com, "Plesk API RPC", and its schemas of 1.6.9.1. Kept: one packet with
several operators, a result for each thing, HTTP 200 whatever happened, ``status`` and
``errcode`` (1013: no such thing, 1007: there is one, 1014: no packet, 11003: no such
key), blank filters, the order of nodes in what is answered, ``locked`` and add-on plans
among the plans, ``admin-description``, certificates that are in a repository first and
at a site only when it names them, main sites told of by their subscription alone. Not
documented, and played: a blank filter over nothing is one ``ok``, no data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from xml.etree.ElementTree import Element, ParseError, SubElement, fromstring, tostring

from reconciler.sandbox import plesk_backups, plesk_sites
from reconciler.sandbox import plesk_words as words
from reconciler.sandbox.plesk_packets import (
    MISSING,
    PARSER,
    WRONG,
    No,
    Row,
    failed,
    ok,
    properties,
    put,
    tried,
)
from reconciler.sandbox.rest import Answer, Call

_KEY: Final = 11003
_VERSION: Final = "1.6.9.1"
_STATUSES: Final = {"0", "16", "32", "64"}


def agent(call: Call) -> Answer:
    """Serve one packet."""
    packet = Element("packet", version=_VERSION)
    if not words.lets_in(call.state, call.headers.get("key", "")):
        return _system(packet, _KEY, "Invalid secret key")
    try:
        asked = fromstring(call.body)  # noqa: S314  (from ourselves, on this machine)
    except ParseError:
        return _system(packet, PARSER, "Parser error: the packet is not well-formed")
    wanted = asked.find("backup-manager/download-file")
    if wanted is not None:
        found = plesk_backups.download(call, wanted)
        if isinstance(found, Answer):
            return found
        below = SubElement(SubElement(packet, "backup-manager"), "download-file")
        below.append(found)
        return _sent(packet)
    for operator in asked:
        answered = SubElement(packet, operator.tag)
        for operation in operator:
            found = SubElement(answered, operation.tag)
            serve = _TABLE.get((operator.tag, operation.tag))
            if serve is None:
                return _system(packet, PARSER, f"Parser error: unknown {operation.tag}")
            found.extend(serve(call, operation))
    return _sent(packet)


def operation(body: bytes) -> str:
    """Return what people call a packet: operators and operations; ``one`` is one."""
    try:
        asked = fromstring(body)  # noqa: S314  (from ourselves, on this machine)
    except ParseError:
        return "packet"
    named = [f"{operator.tag} {one.tag}" for operator in asked for one in operator]
    single = asked.find("webspace/get/filter/name") is not None
    return "+".join(named) + (" one" if single else "")


def _system(packet: Element, code: int, text: str) -> Answer:
    system = SubElement(packet, "system")
    failed(system, code, text)
    return _sent(packet)


def _sent(packet: Element) -> Answer:
    head = b'<?xml version="1.0" encoding="UTF-8"?>\n'
    return Answer(200, head + tostring(packet), {"content-type": "text/xml"})


# -- plans and subscriptions ----------------------------------------------------------


def _plans(call: Call, asked: Element) -> Iterator[Element]:
    del asked
    for name, plan in sorted(call.state["plans"].items()):
        if not plan["addon"]:
            yield ok(id=1, name=name, owner_id=1, guid=words.guid(f"plan/{name}"))


def _subscriptions(call: Call, asked: Element) -> Iterator[Element]:
    names = [(one.text or "").lower() for one in asked.findall("filter/name")]
    all_ = sorted(call.state["accounts"].values(), key=lambda row: row["id"])
    if names:
        for name in names:
            yield tried(name, lambda name=name: _one(call, asked, name))  # type: ignore[misc]
        return
    if call.faulty == "empty":
        all_ = []
    elif call.faulty == "wrong-account":
        seed = words.SubscriptionSeed(domain="stranger.example")
        all_ = [words.kept(call.state, "stranger", seed, call.bench.clock(), 999)]
    elif call.faulty == "duplicate-page":
        all_ = [*all_, *all_[:1]]
    if not all_:
        yield ok()
    for row in all_:
        yield _subscription(call, asked, row, row["id"])


def _one(call: Call, asked: Element, name: str) -> Element:
    row = words.called(call.state, name)
    if row is None:
        raise No(MISSING, "Domain does not exist.")
    if call.faulty == "wrong-account":
        others = (o for o in call.state["accounts"].values() if o is not row)
        row = next(others, row)
    return _subscription(call, asked, row, name)


def _subscription(call: Call, asked: Element, row: Row, chosen: Any) -> Element:
    result = ok(filter_id=chosen, id=row["id"])
    data = put(result, "data")
    for wanted in asked.find("dataset") or ():
        write = _DATASET.get(wanted.tag)
        if write is not None:
            write(call, put(data, wanted.tag), row)
    return result


def _gen_info(call: Call, inside: Element, row: Row) -> None:
    made = datetime.fromtimestamp(row["created"], UTC)
    put(inside, "cr_date", f"{made:%Y-%m-%d}")
    put(inside, "name", row["domain"])
    put(inside, "ascii-name", row["domain"])
    put(inside, "status", row["status"])
    put(inside, "real_size", words.on_disk(row, call.bench.clock()))
    put(inside, "owner-id", 1)
    put(inside, "owner-login", "admin")
    put(inside, "dns_ip_address", "192.0.2.30")
    put(inside, "htype", "vrt_hst")
    put(inside, "guid", row["guid"])
    put(inside, "vendor-guid", words.guid("admin"))
    put(inside, "external-id", "")
    put(inside, "description", row["description"])
    put(inside, "admin-description", row["note"])


def _hosting(call: Call, inside: Element, row: Row) -> None:
    del call
    site = row["sites"][row["domain"]]
    properties(inside, row, site)


def _limits(call: Call, inside: Element, row: Row) -> None:
    del call
    put(inside, "overuse", "not_suspend_notify")
    fixed = {"max_box": words.NO_LIMIT, "max_db": 10, "expiration": words.NO_LIMIT}
    for name, value in {**fixed, **row["limits"]}.items():
        one = put(inside, "limit")
        put(one, "name", name)
        put(one, "value", value)


def _stat(call: Call, inside: Element, row: Row) -> None:
    put(inside, "traffic", words.traffic(row, call.bench.clock()))
    for name in ("subdom", "wu", "box", "redir", "mg", "resp", "maillists", "db"):
        put(inside, name, 0)
    put(inside, "webapps", 0)
    put(inside, "traffic_prevday", int(row["spends"] * words.MIB))


def _followed(call: Call, inside: Element, row: Row) -> None:
    del call
    one = put(inside, "subscription")
    put(one, "locked", row["locked"])
    put(one, "synchronized", not row["locked"])
    for name in (*row["addons"], *([row["plan"]] if row["plan"] else [])):
        put(put(one, "plan"), "plan-guid", words.guid(f"plan/{name}"))


_DATASET: Final[Mapping[str, Callable[[Call, Element, Row], None]]] = {
    "gen_info": _gen_info,
    "hosting": _hosting,
    "limits": _limits,
    "stat": _stat,
    "subscriptions": _followed,
}


def _set(call: Call, asked: Element) -> Iterator[Element]:
    for one in asked.findall("filter/name"):
        name = (one.text or "").lower()
        yield tried(name, lambda name=name: _set_one(call, asked, name))  # type: ignore[misc]


def _set_one(call: Call, asked: Element, name: str) -> Element:
    row = words.called(call.bench.state, name)
    if row is None:
        raise No(MISSING, "Domain does not exist.")
    setup = asked.find("values/gen_setup")
    if setup is None:
        raise No(PARSER, "Parser error: no values")
    status = setup.findtext("status")
    if status is not None and status not in _STATUSES:
        raise No(WRONG, "Wrong status")
    note = setup.findtext("admin-description")
    if note is not None:
        row["note"] = note
    if status is not None:
        row["status"] = int(status)
        what = "unsuspend" if status == "0" else "suspend"
        words.changed(call.bench, row, what, note=row["note"])
    if row["half"]:
        raise No(WRONG, "Unable to reconfigure the mail server.")
    return ok(filter_id=name, id=row["id"])


# -- the machine ----------------------------------------------------------------------


def _server(call: Call, asked: Element) -> Iterator[Element]:
    """Return the machine's statistics; its disk holds what the subscriptions hold."""
    result = ok()
    if asked.find("stat") is not None:
        stat, now = put(result, "stat"), call.bench.clock()
        _filled(stat, "load_avg", {"l1": 10, "l5": 14, "l15": 9})
        _filled(stat, "mem", words.MEMORY)
        used = sum(words.on_disk(row, now) for row in call.state["accounts"].values())
        total = words.DISK
        sizes = {"total": total, "used": used, "free": total - used}
        small = {"total": words.MIB, "used": words.MIB, "free": 0}
        space = put(stat, "diskspace")
        for name, device in (("/dev/sda1", small), ("/dev/sda2", sizes)):
            _filled(space, "device", {"name": name, **device})
    yield result


def _filled(inside: Element, tag: str, values: Mapping[str, Any]) -> None:
    made = put(inside, tag)
    for name, value in values.items():
        put(made, name, value)


Serve = Callable[[Call, Element], Iterator[Element]]
_TABLE: Final[Mapping[tuple[str, str], Serve]] = {
    **plesk_backups.TABLE,
    ("server", "get"): _server,
    ("service-plan", "get"): _plans,
    ("webspace", "get"): _subscriptions,
    ("webspace", "set"): _set,
    ("site", "get"): plesk_sites.sites,
    ("site", "set"): plesk_sites.site_set,
    ("certificate", "get-pool"): plesk_sites.pool,
    ("certificate", "install"): plesk_sites.install,
}
