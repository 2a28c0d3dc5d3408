"""A plan as one HTML file that needs nothing but a browser."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import Any, NamedTuple

from jinja2 import Environment
from markupsafe import Markup

from reconciler.report.adopt import adoptable
from reconciler.report.agenda import Day, agenda
from reconciler.report.changed_text import Compared, compared
from reconciler.report.chart import svg
from reconciler.report.group import Bundle, Same, bundles, by_risk, named
from reconciler.report.plan_document import (
    ActionData,
    Amount,
    PlanDocument,
    Standing,
    UnknownData,
    VerdictData,
)
from reconciler.report.spot import placed
from reconciler.report.timeline import timeline
from reconciler.report.visible import visible
from reconciler.report.words import (
    BY,
    DECISIONS,
    age,
    approvers,
    charged,
    count,
    field_name,
    headline,
    minute,
    money,
    paid,
    place,
    standing,
    taken,
    total,
    value,
    when,
)

_APPROVE = "reconciler apply --approve"
#: So many days are open; what comes later is folded away.
_SOON = 8
_TONES = {"allow": "go", "hold": "wait", "deny": "stop", "pending": "info"}
_RISKS = ("money", "destructive", "security", "disruptive", "none")


class _Row(NamedTuple):
    """
    One action of the page.

    Attributes:
        stands: How it stands, ``pending`` included.
        head: What its group has in common, on the first of several.
        same: The number of its group.
    """

    action: ActionData
    fields: Sequence[Compared]
    stops: Sequence[VerdictData]
    stands: Standing
    head: str
    same: int


class _Card(NamedTuple):
    """One figure of the summary; *decision* filters the actions."""

    much: str
    of: str
    href: str
    tone: str = ""
    decision: str = ""


class _Filter(NamedTuple):
    """One choice over the actions."""

    id: str
    title: str
    column: int
    names: Sequence[str]


def html(plan: PlanDocument) -> str:
    """Return *plan* as a page; whatever others wrote is text in it, never markup."""
    css, js = _asset("plan.css"), _asset("plan.js")
    heads, rows = _rows(plan)
    findings = placed(plan["findings"])
    critical = [one for one in findings if one["severity"] == "critical"]
    others = [one for one in findings if one["severity"] != "critical"]
    days = agenda(plan)
    live, unknown = adoptable(plan["unmanaged"]), _unknown(plan["unknown"])
    index, filters = _index(rows, heads)
    seen = plan.get("observed")
    page: str = _template().render(
        plan=plan,
        csp=_policy(css, js),
        css=Markup(css),  # noqa: S704  (a file of this package)
        js=Markup(js),  # noqa: S704  (a file of this package)
        headline=headline(plan),
        as_of=minute(plan["as_of"]),
        observed=minute(seen) if seen else "",
        age=age(seen, plan["as_of"]) if seen else "",
        unread=count(len(plan["unknown"]), "resource"),
        cards=list(_cards(plan, days)),
        sections=list(_sections(plan)),
        critical=critical,
        others=others,
        rows=rows,
        index=index,
        filters=filters,
        days=days,
        soon=_SOON,
        timeline=timeline(days, when(plan["as_of"]).date()) if days else "",
        unknown=unknown,
        live=live,
        approve=f"{_APPROVE} {plan['digest']} --approved-plan plan.json",
    )
    return page


@cache
def _asset(name: str) -> str:
    folder = files("reconciler.report").joinpath("page")
    return folder.joinpath(name).read_text(encoding="utf-8")


@cache
def _template() -> Any:
    environment = Environment(autoescape=True, finalize=_shown)
    environment.globals.update(
        approvers=approvers,
        charges=_charges,
        by=BY,
        chart=svg,
        decisions=DECISIONS,
        field_name=field_name,
        money=money,
        place=place,
        written=_written,
        value=value,
    )
    return environment.from_string(_asset("plan.html.j2"))


def _charges(days: Sequence[Day]) -> bool:
    """Say whether a client pays anything in *days*."""
    return any(line.charge for day in days for line in day.lines)


def _shown(said: object) -> object:
    """Spell out what cannot be seen in every text that is printed."""
    if isinstance(said, str) and not isinstance(said, Markup):
        return visible(said)
    return said


def _written(action: ActionData) -> list[str]:
    """Return what made the resource of *action*, its Site with its place."""
    at = place(action.get("entry"))
    return [
        f"{one} {at}".rstrip() if one.startswith("Site/") else one
        for one in action["via"]
    ]


def _policy(css: str, js: str) -> str:
    """Return what a browser may do with the page: nothing but these two texts."""
    return (
        f"default-src 'none'; style-src '{_hash(css)}'; script-src '{_hash(js)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _rows(plan: PlanDocument) -> tuple[list[str], list[_Row]]:
    """Return what each group has in common, and every action in order."""
    heads: list[str] = []
    rows: list[_Row] = []
    for bundle in bundles(plan["actions"], by_risk):
        for head, actions in _blocks(bundle):
            sums = ", ".join(filter(None, (head, *_sums(actions))))
            for number, action in enumerate(actions):
                stops = [v for v in action["policy"] if v["decision"] != "allow"]
                fields = [compared(change) for change in action["changes"]]
                first = sums if not number and len(actions) > 1 else ""
                stands = standing(action)
                rows.append(_Row(action, fields, stops, stands, first, len(heads)))
            heads.append(head)
    return heads, rows


def _blocks(bundle: Bundle) -> Iterator[tuple[str, Sequence[ActionData]]]:
    """Yield the groups of *bundle* with their heads; one site is read as a whole."""
    if bundle.origin in bundle.sites:
        yield _site(bundle), bundle.actions
    else:
        yield from ((_head(g, bundle.origin), g.actions) for g in bundle.groups)


def _sums(actions: Sequence[ActionData]) -> Iterator[str]:
    """Yield what a script would add up; without one it stands in the head."""
    yield total(action["cost"] for action in actions)
    charge = total(map(taken, actions))
    yield f"clients pay {charge}" if charge else ""


def _site(bundle: Bundle) -> str:
    at = f" {bundle.at}" if bundle.at else ""
    return visible(f"{bundle.origin}{at}: {bundle.size}")


def _head(group: Same, origin: str) -> str:
    first = group.first
    word = DECISIONS[standing(first)]
    where = f"{first['kind']} at {first['provider']}"
    cause = f" ({origin})" if origin else ""
    return visible(f"{word}: {first['verb']} {where}{cause}")


def _index(rows: Sequence[_Row], heads: Sequence[str]) -> tuple[Markup, list[_Filter]]:
    """Return the numbers the page filters by, and the choices it offers."""
    actions = [row.action for row in rows]
    standings = {row.stands for row in rows}
    decisions = [word for word in DECISIONS if word in standings]
    risks = [word for word in _RISKS if _has(actions, "risk", word)]
    kinds = sorted({action["kind"] for action in actions})
    accounts = sorted({action["provider"] for action in actions})
    profiles = sorted({named(action, "SiteProfile") for action in actions})
    money_of = [amount for a in actions for amount in (a["cost"], a["charge"])]
    currencies = sorted({amount["currency"] for amount in money_of if amount})
    numbers = [
        [
            decisions.index(row.stands),
            risks.index(row.action["risk"]),
            kinds.index(row.action["kind"]),
            accounts.index(row.action["provider"]),
            profiles.index(named(row.action, "SiteProfile")),
            row.same,
            *_money(row.action, currencies),
        ]
        for row in rows
    ]
    data = {
        "rows": numbers,
        "same": heads,
        "decisions": decisions,
        "risks": risks,
        "kinds": [visible(kind) for kind in kinds],
        "accounts": [visible(account) for account in accounts],
        "profiles": [visible(profile) for profile in profiles],
        "currencies": currencies,
    }
    offered = (
        ("decision", "Decision", [DECISIONS[word] for word in decisions]),
        ("risk", "Risk", risks),
        ("kind", "Kind", kinds),
        ("account", "Account", accounts),
        ("profile", "Profile", [profile or "none" for profile in profiles]),
    )
    filters = [
        _Filter(key, title, column, names)
        for column, (key, title, names) in enumerate(offered)
        if len(names) > 1 or key == "decision"
    ]
    return _embedded(data), filters


def _has(actions: Sequence[ActionData], key: str, word: str) -> bool:
    return any(action[key] == word for action in actions)  # type: ignore[literal-required]


def _money(action: ActionData, currencies: Sequence[str]) -> list[int]:
    """Return what we pay and what a client does; nothing where nobody pays."""
    cost, charge = action["cost"], taken(action)
    if not (cost or charge):
        return []
    return [*_thousandths(cost, currencies), *_thousandths(charge, currencies)]


def _thousandths(amount: Amount | None, currencies: Sequence[str]) -> list[int]:
    if amount is None:
        return [0, 0]
    much = int(Decimal(amount["amount"]) * 1000)
    return [much, currencies.index(amount["currency"])]


def _embedded(data: Any) -> Markup:
    """Return *data* as JSON that no HTML parser takes for markup."""
    text = json.dumps(data, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704  (ASCII without what begins or ends markup)


def _unknown(unread: Sequence[UnknownData]) -> list[tuple[str, str, list[str]]]:
    ordered = sorted(unread, key=_reason)
    return [
        (*reason, [f"{one['kind']}/{one['name']}" for one in same])
        for reason, same in groupby(ordered, key=_reason)
    ]


def _reason(unread: UnknownData) -> tuple[str, str]:
    return unread["provider"], unread["why"]


def _cards(plan: PlanDocument, days: Sequence[Day]) -> Iterator[_Card]:
    critical = sum(1 for one in plan["findings"] if one["severity"] == "critical")
    if critical:
        yield _Card(str(critical), "critical", "critical", "stop")
    words = [standing(action) for action in plan["actions"]]
    for word, title in DECISIONS.items():
        if number := words.count(word):
            yield _Card(f"{number:,}", title, "actions", _TONES[word], word)
    for title, much in (
        ("we pay for what is to do", paid(plan)),
        ("clients pay for what is to do", charged(plan)),
        ("we would pay for what is held", _waiting(plan)),
        ("clients would pay for what is held", _would(plan, "hold")),
        ("clients pay, under way", _would(plan, "pending")),
    ):
        if much:
            yield _Card(much, title, "actions", "info")
    if days:
        last = days[-1].date
        until = f"due by {last.day} {last:%b}"
        yield _Card(f"{len(plan['due']):,}", until, "due", "info")


def _waiting(plan: PlanDocument) -> str:
    held = (a for a in plan["actions"] if a["decision"] == "hold")
    return total(action["cost"] for action in held)


def _would(plan: PlanDocument, stands: Standing) -> str:
    return total(taken(a) for a in plan["actions"] if standing(a) == stands)


def _sections(plan: PlanDocument) -> Iterator[tuple[str, str, int]]:
    yield "actions", "Actions", len(plan["actions"])
    calm = [one for one in plan["findings"] if one["severity"] != "critical"]
    for key, title, number in (
        ("due", "Due", len(plan["due"])),
        ("findings", "Findings", len(calm)),
        ("unknown", "Not read", len(plan["unknown"])),
        ("drift", "Drift", len(plan["drift"])),
        ("later", "Later", len(plan["deferred"])),
        ("unmanaged", "Unmanaged", len(plan["unmanaged"])),
    ):
        if number:
            yield key, title, number
