"""
What a Plesk server says of its subscriptions, in one answer of its XML API.

Sources (docs.plesk.com, "Plesk API RPC"): "Getting Information About Subscriptions",
"Node gen_info", "Subscription Statuses and Associated Plans", "Limits on Resource
Usage", "Statistics Settings", "Getting Information on Service Plans". What follows:

* A blank filter names every subscription that the key may see.
* ``status`` is a sum of reasons: 4 it is being backed up or restored, 16 the
  administrator, 32 a reseller, 64 the customer, 256 its end has come (and 1, 2, 8 of
  its site). A number that is no such sum says nothing.
* A subscription that was customised is ``locked``: it no longer follows its plan.
* A limit of -1 is none. Sizes are bytes.
* Nothing tells when, or by whose hand, it was suspended. ``admin-description`` is a
  note that only the administrator sees and writes: our mark is a line of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element

from reconciler.errors import Rejected
from reconciler.kinds.hosting_account import HostingState
from reconciler.model import Absent, Observed, Unknown
from reconciler.providers._plesk_xml import (
    flag_of,
    named,
    node,
    number_of,
    results,
    text_of,
)

#: How the line begins that says that this tool suspended a subscription.
MARKER: Final = "suspended-by-reconciler"
#: What can be asked of one subscription, in the order of the format.
DATASET: Final = ("gen_info", "hosting", "limits", "stat", "subscriptions")
#: The panel's word for a limit -> ours.
LIMITS: Final = {"disk_space": "disk", "max_traffic": "bandwidth"}
ADMIN: Final = 16
_BUSY: Final = 4
_REASONS: Final = 1 | 2 | _BUSY | 8 | ADMIN | 32 | 64 | 256
_NO_LIMIT: Final = -1
_HOSTING: Final = "data/hosting/vrt_hst/property"


class Subscription(NamedTuple):
    """
    One subscription.

    Attributes:
        name: Its main domain, as an A-label, which is its name too.
        login: Its system user; empty where it has no hosting.
        status: The sum of why it does not run; 0: it runs.
        note: What the administrator wrote about it.
        plan: Its service plan; empty where it has none.
        handler: How its main site runs PHP; None where it does not.
    """

    name: str
    login: str
    status: int
    note: str
    plan: str
    locked: bool
    handler: str | None
    limits: Mapping[str, float | None]
    used: Mapping[str, float]


def asked(name: str | None = None) -> tuple[Element, Element]:
    """Return the question: for all plans, and for all subscriptions or the one."""
    only = (node("name", name),) if name else ()
    return (
        node("service-plan", node("get", node("filter"), node("owner-all"))),
        node(
            "webspace",
            node("get", node("filter", *only), node("dataset", *map(node, DATASET))),
        ),
    )


def plans(packet: Element) -> dict[str, str]:
    """Return guid -> name of the server's service plans."""
    return {
        text_of(one, "guid"): text_of(one, "name")
        for one in results(packet, "service-plan", "get")
        if text_of(one, "guid")
    }


def rows(packet: Element) -> list[Element]:
    """Return one element for each subscription; a server may have none."""
    found = results(packet, "webspace", "get")
    return [one for one in found if one.find("data") is not None]


def name_of(row: Element) -> str:
    """Return the name of a subscription, as an A-label."""
    info = "data/gen_info"
    found = text_of(row, f"{info}/ascii-name") or text_of(row, f"{info}/name")
    return found.lower()


def login_of(row: Element) -> str:
    """Return the system user of a subscription; empty where it has no hosting."""
    return named(row, _HOSTING).get("ftp_login", "")


def read(row: Element, known: Mapping[str, str]) -> Subscription:
    """
    Return what *row* says; *known* is guid -> name of the service plans.

    Raises:
        ValueError: It is not what the vendor documents.
    """
    hosting = named(row, _HOSTING)
    runs_php = hosting.get("php", "true") == "true"
    return Subscription(
        name=name_of(row),
        login=hosting.get("ftp_login", ""),
        status=_status(row),
        note=row.findtext("data/gen_info/admin-description") or "",
        plan=_plan(row, known),
        locked=flag_of(row, "data/subscriptions/subscription/locked"),
        handler=hosting.get("php_handler_id") if runs_php else None,
        limits=_limits(row),
        used={
            "disk": float(number_of(row, "data/gen_info/real_size")),
            "bandwidth": float(number_of(row, "data/stat/traffic")),
        },
    )


def _status(row: Element) -> int:
    found = number_of(row, "data/gen_info/status")
    if found < 0 or found & ~_REASONS:
        raise ValueError(f"its status {found} is not documented")
    return found


def _plan(row: Element, known: Mapping[str, str]) -> str:
    """Return its service plan; what else it has are add-ons, which have other guids."""
    guids = [
        (one.text or "").strip()
        for one in row.iterfind("data/subscriptions/subscription/plan/plan-guid")
    ]
    mine = [known[guid] for guid in guids if guid in known]
    if guids and not mine:
        raise ValueError("its plan is none of the server's service plans")
    return mine[0] if mine else ""


def _limits(row: Element) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name, value in named(row, "data/limits/limit").items():
        if name in LIMITS:
            most = int(value)
            if most < _NO_LIMIT:
                raise ValueError(f"its {name} is {most}")
            found[LIMITS[name]] = None if most == _NO_LIMIT else float(most)
    return found


def state(one: Subscription, versions: Mapping[str, str]) -> HostingState:
    """Return *one* as the kind sees it; *versions* is PHP handler -> its version."""
    stopped, mark = one.status & ~_BUSY, marked(one.note)
    return HostingState(
        account=one.login,
        domain=one.name,
        package=one.plan,
        suspended=bool(stopped),
        ours=stopped == ADMIN and mark is not None,
        since=_since(mark) if stopped and mark else None,
        php=versions.get(one.handler or ""),
        limits=dict(one.limits),
        used=dict(one.used),
        customised=one.locked,
        busy="it is backed up or restored" if one.status & _BUSY else None,
        mark_left=not stopped and mark is not None,
    )


def listed(packet: Element) -> dict[str, Element]:
    """
    Return every subscription by its name.

    Raises:
        Rejected: The answer proves nothing.
    """
    found: dict[str, Element] = {}
    for row in rows(packet):
        name = name_of(row)
        if not name or name in found:
            raise Rejected("the listing is not one of subscriptions: it proves nothing")
        found[name] = row
    return found


def by_user(all_: Mapping[str, Element]) -> dict[str, str]:
    """Return system user -> name of the subscription."""
    users = {name: login_of(row) for name, row in all_.items()}
    return {user: name for name, user in users.items() if user}


def seen(
    row: Element | None,
    known: Mapping[str, str],
    versions: Mapping[str, str],
    claims: int,
) -> Observed:
    """Return what is known of *row*, which *claims* documents are about."""
    if row is None:
        return Absent()
    if claims > 1:
        what = f"several documents are about the subscription {name_of(row)}"
        return Unknown(why=what)
    try:
        return state(read(row, known), versions)
    except ValueError as error:
        return Unknown(why=f"its part of the listing cannot be read: {error}")


# -- our mark -----------------------------------------------------------------------


def marked(note: str) -> str | None:
    """Return the line of *note* that is our mark, or None."""
    return next((line for line in note.splitlines() if _is_mark(line)), None)


def with_mark(note: str, key: str, now: datetime) -> str:
    """Return *note* with our mark, and one alone, as its last line."""
    bare = without_mark(note)
    line = f"{MARKER} {key} {now:%Y-%m-%dT%H:%M:%SZ}"
    return f"{bare}\n{line}" if bare else line


def without_mark(note: str) -> str:
    """Return *note* as others wrote it."""
    return "\n".join(line for line in note.splitlines() if not _is_mark(line)).strip()


def _is_mark(line: str) -> bool:
    return line.split()[:1] == [MARKER]


def _since(mark: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(mark.rsplit(maxsplit=1)[-1])
    except ValueError:
        return None
    return found if found.tzinfo else None
