"""Which failures a run has left, each with a name that it keeps until it heals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from reconciler.engine.exits import Exit
from reconciler.engine.plan import PENDING
from reconciler.report.visible import visible

#: The failure of a run that could not tell what it did, or did nothing at all.
RUN = "run"
#: What is no failure, and needs a person all the same.
HELD = "held"
_SHOWN = 20
_LOG_LINES = 40


class Failure(NamedTuple):
    """
    One thing that does not go away by itself.

    Attributes:
        key: Its name: it never contains a time, a price or a number of attempts.
        text: What is known, for people; plain.
    """

    key: str
    title: str
    text: str


def of_run(result: Mapping[str, Any] | None, code: int, log: str) -> list[Failure]:
    """Return what is wrong after a run; *result* is None where it left none."""
    if result is None:
        if code in {Exit.DONE, Exit.LOCKED}:  # another run is at it: that is no failure
            return []
        last = "\n".join(log.strip().splitlines()[-_LOG_LINES:])
        return [Failure(RUN, f"The run ended with exit code {code}", last)]
    found = [
        *_outcomes(_told(result)),
        *_unread(result["left"]["unknown"]),
        *_critical(result["left"]["findings"]),
        *_denied(result["left"]["actions"]),
    ]
    return list({failure.key: failure for failure in found}.values())


def waiting(result: Mapping[str, Any] | None, start: str) -> Failure | None:
    """Return what waits for an approval, with how to *start* one; None if nothing."""
    held = (result or {}).get("held")
    if not held or not held["actions"]:
        return None
    ids = set(held["actions"])
    rows = [
        visible(
            f"{one['verb']} {one['kind']}/{one['name']}  {_cost(one)}"
            f"needs {', '.join(one['needs'])}: {one['because']}"
        )
        for one in (result or {})["left"]["actions"]
        if one["id"] in ids
    ]
    text = [f"digest {held['digest']}", "", *_bounded(rows), "", start]
    count = len(ids)
    title = f"{count} action{'s' * (count > 1)} wait{'s' * (count == 1)} for approval"
    return Failure(HELD, title, "\n".join(text).rstrip())


def over(key: str, result: Mapping[str, Any] | None) -> bool:
    """
    Return whether the failure *key*, which a run did not find again, has healed.

    It has not where the run saw nothing, could not see the document, or has not tried
    again what failed.
    """
    if result is None or not key.startswith(_KEYS):
        return False
    left = result["left"]
    about = set(key.split(":"))
    if about & {f"{one['kind']}/{one['name']}" for one in left["unknown"]}:
        return False
    to_do = [*left["actions"], *left["deferred"]]
    names = {f"outcome:{one['kind']}/{one['name']}:{one['verb']}" for one in to_do}
    return key not in names


def _told(result: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield what came of everything but what its account still works on."""
    under_way = {
        one["id"]
        for one in result["left"]["actions"]
        if any(said["rule"] == PENDING for said in one["policy"])
    }
    return (one for one in result["done"] if one["id"] not in under_way)


#: The keys of a run's own failures; other topics are none of its business.
_KEYS = (RUN, HELD, "more", "outcome:", "unread:", "finding:", "denied:")


def _outcomes(done: Iterable[Mapping[str, Any]]) -> Iterator[Failure]:
    words = {
        "failed": "failed",
        "not_applied": "did not happen",
        "unknown": "has an unknown outcome",
    }
    for one in done:
        word = words.get(one["status"])
        if one["status"] == "applied" and one.get("verified") is False:
            word = "was answered well and cannot be seen"
        if word is None or "not_before" in (one.get("evidence") or {}):
            continue
        what = f"{one['kind']}/{one['name']}"
        title = f"{what}: {one['verb']} {word}"
        text = f"{title}\n{one.get('error') or ''}\nreconciler audit show {one['id']}"
        key = f"outcome:{what}:{one['verb']}"
        yield Failure(key, title, text)


def _unread(unknown: Iterable[Mapping[str, Any]]) -> Iterator[Failure]:
    shares: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for one in unknown:
        shares[one["provider"], one["family"]].append(one)
    for (provider, family), rows in sorted(shares.items()):
        names = [f"{one['kind']}/{one['name']}: {one['why']}" for one in rows]
        title = f"{provider}: {len(rows)} cannot be read ({family})"
        yield Failure(f"unread:{provider}:{family}", title, "\n".join(_bounded(names)))


def _critical(findings: Iterable[Mapping[str, Any]]) -> Iterator[Failure]:
    for one in findings:
        if one["severity"] == "critical":
            what = f"{one['kind']}/{one['name']}"
            title = f"{what}: {one['message']}"
            key = f"finding:{one['code']}:{what}"
            yield Failure(key, title, title)


def _denied(actions: Iterable[Mapping[str, Any]]) -> Iterator[Failure]:
    for one in actions:
        if one["decision"] == "deny":
            what = f"{one['kind']}/{one['name']}"
            why = [f"{p['rule']}: {p['why']}" for p in one["policy"]]
            title = f"{what}: {one['verb']} is denied"
            text = "\n".join([title, *why])
            key = f"denied:{what}:{one['verb']}"
            yield Failure(key, title, text)


def _cost(action: Mapping[str, Any]) -> str:
    cost, most = action["cost"], action.get("ceiling")
    if charge := action.get("charge"):
        word = "held of client" if action.get("only_holds") else "client pays"
        return f"{word} {charge['amount']} {charge['currency']}  "
    limit = f", at most {most['amount']} {most['currency']}" if most else ""
    return f"{cost['amount']} {cost['currency']}{limit}  " if cost else ""


def _bounded(rows: list[str]) -> list[str]:
    more = len(rows) - _SHOWN
    return [*rows[:_SHOWN], *([f"and {more} more"] if more > 0 else [])]
