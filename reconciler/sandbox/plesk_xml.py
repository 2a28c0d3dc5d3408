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

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from reconciler.sandbox import panel_sites
from reconciler.sandbox import plesk_words as words
from reconciler.sandbox.rest import Answer, Call

Row = dict[str, Any]
_MISSING, _EXISTS, _PARSER, _KEY, _WRONG = 1013, 1007, 1014, 11003, 1023
_VERSION: Final = "1.6.9.1"
_STATUSES: Final = {"0", "16", "32", "64"}


class No(Exception):
    """An operation that failed: a number and its words."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def agent(call: Call) -> Answer:
    """Serve one packet."""
    packet = Element("packet", version=_VERSION)
    if not words.lets_in(call.state, call.headers.get("key", "")):
        return _system(packet, _KEY, "Invalid secret key")
    try:
        asked = fromstring(call.body)  # noqa: S314  (from ourselves, on this machine)
    except ParseError:
        return _system(packet, _PARSER, "Parser error: the packet is not well-formed")
    for operator in asked:
        answered = SubElement(packet, operator.tag)
        for operation in operator:
            found = SubElement(answered, operation.tag)
            serve = _TABLE.get((operator.tag, operation.tag))
            if serve is None:
                return _system(
                    packet, _PARSER, f"Parser error: unknown {operation.tag}"
                )
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
    _failed(system, code, text)
    return _sent(packet)


def _sent(packet: Element) -> Answer:
    head = b'<?xml version="1.0" encoding="UTF-8"?>\n'
    return Answer(200, head + tostring(packet), {"content-type": "text/xml"})


def _failed(inside: Element, code: int, text: str) -> Element:
    _put(inside, "status", "error")
    _put(inside, "errcode", code)
    _put(inside, "errtext", text)
    return inside


def _put(inside: Element, tag: str, value: Any = None) -> Element:
    made = SubElement(inside, tag)
    if value is not None:
        made.text = str(value).lower() if isinstance(value, bool) else str(value)
    return made


def _ok(**more: Any) -> Element:
    result = Element("result")
    _put(result, "status", "ok")
    for tag, value in more.items():
        _put(result, tag.replace("_", "-"), value)
    return result


def _tried(name: str, do: Callable[[], Element]) -> Element:
    try:
        return do()
    except No as no:
        result = _failed(Element("result"), no.code, str(no))
        _put(result, "filter-id", name)
        return result


# -- plans and subscriptions ----------------------------------------------------------


def _plans(call: Call, asked: Element) -> Iterator[Element]:
    del asked
    for name, plan in sorted(call.state["plans"].items()):
        if not plan["addon"]:
            yield _ok(id=1, name=name, owner_id=1, guid=words.guid(f"plan/{name}"))


def _subscriptions(call: Call, asked: Element) -> Iterator[Element]:
    names = [(one.text or "").lower() for one in asked.findall("filter/name")]
    all_ = sorted(call.state["accounts"].values(), key=lambda row: row["id"])
    if names:
        for name in names:
            yield _tried(name, lambda name=name: _one(call, asked, name))  # type: ignore[misc]
        return
    if call.faulty == "empty":
        all_ = []
    elif call.faulty == "wrong-account":
        seed = words.SubscriptionSeed(domain="stranger.example")
        all_ = [words.kept(call.state, "stranger", seed, call.bench.clock(), 999)]
    elif call.faulty == "duplicate-page":
        all_ = [*all_, *all_[:1]]
    if not all_:
        yield _ok()
    for row in all_:
        yield _subscription(call, asked, row, row["id"])


def _one(call: Call, asked: Element, name: str) -> Element:
    row = words.called(call.state, name)
    if row is None:
        raise No(_MISSING, "Domain does not exist.")
    if call.faulty == "wrong-account":
        others = (o for o in call.state["accounts"].values() if o is not row)
        row = next(others, row)
    return _subscription(call, asked, row, name)


def _subscription(call: Call, asked: Element, row: Row, chosen: Any) -> Element:
    result = _ok(filter_id=chosen, id=row["id"])
    data = _put(result, "data")
    for wanted in asked.find("dataset") or ():
        write = _DATASET.get(wanted.tag)
        if write is not None:
            write(call, _put(data, wanted.tag), row)
    return result


def _gen_info(call: Call, inside: Element, row: Row) -> None:
    made = datetime.fromtimestamp(row["created"], UTC)
    _put(inside, "cr_date", f"{made:%Y-%m-%d}")
    _put(inside, "name", row["domain"])
    _put(inside, "ascii-name", row["domain"])
    _put(inside, "status", row["status"])
    _put(inside, "real_size", words.on_disk(row, call.bench.clock()))
    _put(inside, "owner-id", 1)
    _put(inside, "owner-login", "admin")
    _put(inside, "dns_ip_address", "192.0.2.30")
    _put(inside, "htype", "vrt_hst")
    _put(inside, "guid", row["guid"])
    _put(inside, "vendor-guid", words.guid("admin"))
    _put(inside, "external-id", "")
    _put(inside, "description", row["description"])
    _put(inside, "admin-description", row["note"])


def _hosting(call: Call, inside: Element, row: Row) -> None:
    del call
    site = row["sites"][row["domain"]]
    _properties(inside, row, site)


def _properties(inside: Element, row: Row, site: Row) -> None:
    hosting = _put(inside, "vrt_hst")
    settings = {
        "ssl": str(bool(site["pem"])).lower(),
        "certificate_name": site["certificate"],
        "ftp_login": row["user"],
        "ftp_password": "",
        "ftp_quota": words.NO_LIMIT,
        "php": "true",
        "php_handler_id": row["php"],
        "www_root": f"/var/www/vhosts/{row['domain']}/httpdocs",
    }
    for name, value in settings.items():
        one = _put(hosting, "property")
        _put(one, "name", name)
        _put(one, "value", value)
    _put(hosting, "ip_address", "192.0.2.30")


def _limits(call: Call, inside: Element, row: Row) -> None:
    del call
    _put(inside, "overuse", "not_suspend_notify")
    fixed = {"max_box": words.NO_LIMIT, "max_db": 10, "expiration": words.NO_LIMIT}
    for name, value in {**fixed, **row["limits"]}.items():
        one = _put(inside, "limit")
        _put(one, "name", name)
        _put(one, "value", value)


def _stat(call: Call, inside: Element, row: Row) -> None:
    _put(inside, "traffic", words.traffic(row, call.bench.clock()))
    for name in ("subdom", "wu", "box", "redir", "mg", "resp", "maillists", "db"):
        _put(inside, name, 0)
    _put(inside, "webapps", 0)
    _put(inside, "traffic_prevday", int(row["spends"] * words.MIB))


def _followed(call: Call, inside: Element, row: Row) -> None:
    del call
    one = _put(inside, "subscription")
    _put(one, "locked", row["locked"])
    _put(one, "synchronized", not row["locked"])
    for name in (*row["addons"], *([row["plan"]] if row["plan"] else [])):
        _put(_put(one, "plan"), "plan-guid", words.guid(f"plan/{name}"))


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
        yield _tried(name, lambda name=name: _set_one(call, asked, name))  # type: ignore[misc]


def _set_one(call: Call, asked: Element, name: str) -> Element:
    row = words.called(call.bench.state, name)
    if row is None:
        raise No(_MISSING, "Domain does not exist.")
    setup = asked.find("values/gen_setup")
    if setup is None:
        raise No(_PARSER, "Parser error: no values")
    status = setup.findtext("status")
    if status is not None and status not in _STATUSES:
        raise No(_WRONG, "Wrong status")
    note = setup.findtext("admin-description")
    if note is not None:
        row["note"] = note
    if status is not None:
        row["status"] = int(status)
        what = "unsuspend" if status == "0" else "suspend"
        words.changed(call.bench, row, what, note=row["note"])
    if row["half"]:
        raise No(_WRONG, "Unable to reconfigure the mail server.")
    return _ok(filter_id=name, id=row["id"])


# -- sites and certificates -----------------------------------------------------------


def _sites(call: Call, asked: Element) -> Iterator[Element]:
    """Return the sites that are no subscription's main one."""
    del asked
    found = [
        (row, name, site)
        for row in call.state["accounts"].values()
        for name, site in row["sites"].items()
        if name != row["domain"]
    ]
    if not found:
        yield _ok()
    for row, name, site in found:
        result = _ok(filter_id=site["id"], id=site["id"])
        data = _put(result, "data")
        info = _put(data, "gen_info")
        _put(info, "cr_date", "2026-01-01")
        _put(info, "name", name)
        _put(info, "ascii-name", name)
        _put(info, "status", row["status"])
        _put(info, "real_size", 0)
        _put(info, "htype", "vrt_hst")
        _put(info, "guid", words.guid(name))
        _put(info, "webspace-guid", row["guid"])
        _put(info, "sb-site-uuid", "")
        _put(info, "webspace-id", row["id"])
        _properties(_put(data, "hosting"), row, site)
        yield result


def _pool(call: Call, asked: Element) -> Iterator[Element]:
    name = asked.findtext("filter/domain-name") or ""
    row = words.called(call.state, name)
    if row is None:
        yield _tried(name, lambda: _raise(_MISSING, "Domain does not exist."))
        return
    result = _ok(filter_id=name, id=row["id"])
    listed = _put(result, "certificates")
    for called in sorted(row["pool"]):
        _put(_put(listed, "certificate"), "name", called)
    yield result


def _raise(code: int, text: str) -> Element:
    raise No(code, text)


def _install(call: Call, asked: Element) -> Iterator[Element]:
    name = asked.findtext("name") or ""
    yield _tried(name, lambda: _installed(call, asked, name))


def _installed(call: Call, asked: Element, name: str) -> Element:
    row = words.called(call.bench.state, asked.findtext("webspace") or "")
    if row is None:
        raise No(_MISSING, "Domain does not exist.")
    if name in row["pool"]:
        raise No(_EXISTS, f"The certificate {name} already exists.")
    given = {
        tag: asked.findtext(f"content/{tag}") or ""
        for tag in ("csr", "pvt", "cert", "ca")
    }
    try:
        found = panel_sites.read(given["cert"])
        key = load_pem_private_key(given["pvt"].encode(), None)
    except (ValueError, TypeError, IndexError):
        raise No(_WRONG, "Unable to set the private key or certificate.") from None
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != found.public_key().public_bytes(*form):
        raise No(_WRONG, "The private key does not match the certificate.")
    row["pool"][name] = {
        "pem": given["cert"],
        "key": given["pvt"],
        "cab": given["ca"],
        "automatic": False,
    }
    return _ok()


def _site_set(call: Call, asked: Element) -> Iterator[Element]:
    for one in asked.findall("filter/name"):
        name = (one.text or "").lower()
        yield _tried(name, lambda name=name: _assigned(call, asked, name))  # type: ignore[misc]


def _assigned(call: Call, asked: Element, name: str) -> Element:
    row = words.owner(call.bench.state, name)
    if row is None:
        raise No(_MISSING, "site does not exist")
    settings = {
        one.findtext("name"): one.findtext("value") or ""
        for one in asked.findall("values/hosting/vrt_hst/property")
    }
    called = settings.get("certificate_name", "")
    if called not in row["pool"]:
        raise No(_WRONG, f"Unable to find the certificate {called}.")
    site = row["sites"][name]
    site.update(row["pool"][called], certificate=called)
    words.changed(call.bench, {"domain": name}, "assign", certificate=called)
    if row["half"]:
        raise No(_WRONG, "Unable to reconfigure the web server.")
    return _ok(filter_id=name, id=site["id"])


Serve = Callable[[Call, Element], Iterator[Element]]
_TABLE: Final[Mapping[tuple[str, str], Serve]] = {
    ("service-plan", "get"): _plans,
    ("webspace", "get"): _subscriptions,
    ("webspace", "set"): _set,
    ("site", "get"): _sites,
    ("site", "set"): _site_set,
    ("certificate", "get-pool"): _pool,
    ("certificate", "install"): _install,
}
