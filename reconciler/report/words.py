"""How one thing is said in every form: values, sums, times, places, counts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.report.plan_document import (
        ActionData,
        Amount,
        FindingData,
        Place,
        PlanDocument,
        Standing,
        Value,
    )


#: What it is called, where people read it, how an action stands.
DECISIONS: dict[Standing, str] = {
    "allow": "to do",
    "hold": "held",
    "deny": "denied",
    "pending": "under way",
}
_PENDING = "built-in/pending"
_CURRENCIES = 6
_KIBI = 1024
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
#: Who sees to something that is due.
BY = {"auto": "auto", "you": "YOU", "nobody": "nobody, as wanted"}


def part(finding: FindingData) -> str:
    """Return what of its resource a finding is about; empty where it is all of it."""
    whole = f"{finding['code']}:{finding['kind']}/{finding['name']}:"
    found = finding.get("id", "")
    return found.removeprefix(whole) if found.startswith(whole) else ""


def value(shown: Value) -> str:
    """Return a field's value for people."""
    if shown is None:
        return "(none)"
    if isinstance(shown, bool):
        return "on" if shown else "off"
    return " ".join(shown) if isinstance(shown, list) else str(shown)


def field_name(field: str) -> str:
    """Return a field as it is written in the short form."""
    return field.removeprefix("spec.")


def place(at: Place | None) -> str:
    """Return ``file:line:column``, or nothing."""
    return f"{at['file']}:{at['line']}:{at['column']}" if at else ""


def address(of: ActionData | FindingData) -> str:
    """Return ``Kind/name``."""
    return f"{of['kind']}/{of['name']}"


def standing(action: ActionData) -> Standing:
    """Return how *action* stands; of what is pending nobody has to do anything."""
    stopped = [v["rule"] for v in action["policy"] if v["decision"] != "allow"]
    if stopped and all(rule == _PENDING for rule in stopped):
        return "pending"
    return action["decision"]


def money(amount: Amount) -> str:
    """Return ``1,212.50 EUR``."""
    return f"{Decimal(amount['amount']):,} {amount['currency']}"


def total(amounts: Iterable[Amount | None], form: str = ",") -> str:
    """
    Return the sum of *amounts*, ``4.00 EUR + 1,031.26 USD``; empty where none is.

    Of more currencies than anybody reads the rest is only counted. *form* is that of
    the numbers: without commas for programs.
    """
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for amount in amounts:
        if amount:
            sums[amount["currency"]] += Decimal(amount["amount"])
    parts = [f"{sums[currency]:{form}} {currency}" for currency in sorted(sums)]
    left = len(parts) - _CURRENCIES
    if left > 0:
        parts[_CURRENCIES:] = [f"{left} more currencies"]
    return " + ".join(parts)


def when(moment: str) -> datetime:
    """Return a time of the document."""
    return datetime.fromisoformat(moment)


def minute(moment: str) -> str:
    """Return ``2026-11-22 06:00 UTC``."""
    return f"{when(moment):%Y-%m-%d %H:%M} UTC"


def age(then: str, now: str) -> str:
    """Return how long before *now* *then* was, in its largest unit: ``3 h``."""
    return span(when(now) - when(then))


def span(length: timedelta) -> str:
    """Return *length* in the largest unit of which there is one, rounded down."""
    seconds = max(0, int(length.total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return "0 min"


def count(number: int, noun: str) -> str:
    """Return ``1 action`` or ``2 actions``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def size(number: int) -> str:
    """Return ``12 B`` or ``3.4 GiB``: three digits are enough."""
    value, step = float(number), 0
    while value >= _KIBI and step < len(_UNITS) - 1:
        value, step = value / _KIBI, step + 1
    return f"{value:.3g} {_UNITS[step]}" if step else f"{number} B"


def counts(actions: Sequence[ActionData]) -> str:
    """Return ``3 to do, 2 held, 1 denied, 4 under way``; empty without actions."""
    found = Counter(map(standing, actions))
    return ", ".join(
        f"{found[word]:,} {name}" for word, name in DECISIONS.items() if found[word]
    )


def approvers(action: ActionData) -> list[str]:
    """Return the groups that can lift a hold; nobody's approval lifts a denial."""
    return action["needs"] if action["decision"] == "hold" else []


def headline(plan: PlanDocument) -> str:
    """Return what a plan comes to, in half a sentence."""
    if plan["actions"]:
        return counts(plan["actions"])
    if plan["complete"]:
        return "No actions. The YAML says what is live."
    return "No actions from what could be read"


def paid(plan: PlanDocument) -> str:
    """Return what we pay for what is to do; empty where that is nothing."""
    return total(a["cost"] for a in plan["actions"] if a["decision"] == "allow")


def charged(plan: PlanDocument) -> str:
    """Return what clients pay for what is to do; empty where that is nothing."""
    return total(taken(a) for a in plan["actions"] if a["decision"] == "allow")


def taken(action: ActionData) -> Amount | None:
    """Return what a client has paid once *action* is done: what is held is not."""
    return None if action.get("only_holds") else action["charge"]


def clients(actions: Sequence[ActionData]) -> str:
    """Return ``clients pay 1,234.00 EUR``, or what is held of it; empty if nothing."""
    one = len(actions) == 1
    paid_by = total(map(taken, actions))
    held = total(a["charge"] for a in actions if a.get("only_holds"))
    parts = (
        ("client pays" if one else "clients pay", paid_by),
        ("held of client" if one else "held of clients", held),
    )
    return ", ".join(f"{word} {much}" for word, much in parts if much)
