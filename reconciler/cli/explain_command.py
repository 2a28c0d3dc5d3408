"""``reconciler explain``: one resource, from the line that wants it to what is next."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import click

from reconciler.cli import explained
from reconciler.cli.audit_command import said
from reconciler.cli.plan_command import parsed_days, parsed_time
from reconciler.cli.project import Project
from reconciler.cli.show_plan import fitted
from reconciler.cli.terminal import columns
from reconciler.engine import dumps
from reconciler.inventory.emit import flow
from reconciler.inventory.origins import DEFAULT
from reconciler.report.visible import visible
from reconciler.report.words import clients, money, standing
from reconciler.report.words import part as part_of
from reconciler.report.words import value as shown_value

_USERS, _FEW, _WORD, _MANY = 6, 4, 24, 12
_COLOURS = {"allow": "green", "hold": "yellow", "deny": "red", "pending": "blue"}
_WIDE, _COLUMN = 60, 24
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")


@click.command(
    "explain", help="Say why one resource is as it is, and what happens to it next."
)
@click.argument("address", metavar="Kind/NAME")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.option("--as-of", metavar="TIME", help="As if it were then.")
@click.option("--horizon", default="60d", help="How far to look for what is due.")
@click.option(
    "--observed",
    type=click.Path(path_type=Path, exists=True),
    help="Use a snapshot instead of asking the accounts.",
)
@click.pass_context
def explain_command(ctx: click.Context, /, **options: Any) -> None:
    """Explain, and change nothing."""
    project = Project.of(ctx)
    ref = explained.found(project, options["address"])
    look = explained.looked(
        project,
        ref,
        as_of=parsed_time(options["as_of"]) if options["as_of"] else None,
        horizon=parsed_days(options["horizon"]),
        observed=options["observed"],
    )
    told = explained.data(project, ref, look)
    if options["form"] == "json":
        sys.stdout.write(dumps(told))
    else:
        shown = lines(_seen(told), full=project.verbose)
        click.echo(fitted(shown, columns()))


COMMAND = explain_command


def _seen(told: Any) -> Any:
    """Return *told* with what cannot be seen spelled out: others wrote some of it."""
    if isinstance(told, dict):
        return {_seen(key): _seen(value) for key, value in told.items()}
    if isinstance(told, list):
        return [_seen(each) for each in told]
    return visible(told) if isinstance(told, str) else told


def lines(told: dict[str, Any], *, full: bool) -> Iterator[str]:
    """Yield what was found out, for a person."""
    yield from _head(told)
    yield from _wanted(told, full=full)
    yield from _parts(told["parts"])
    if not told["acts"]:
        return
    yield from _story(told)
    yield from _live(told, full=full)
    yield from _next(told)
    yield from _past(told)
    yield ""
    commands = told["run"]
    yield from (f"run: {each}" for each in commands)
    if not commands:
        yield _otherwise(told)


def _otherwise(told: dict[str, Any]) -> str:
    """Say what is left to do where no command does it."""
    if told["deferred"]:
        until = min(later["until"] for later in told["deferred"])
        return f"Nothing can be done before {until[:16]}."
    loud = [each for each in told["findings"] if each["severity"] != "info"]
    if not loud:
        return "Nothing is to be done."
    if told["follows"]:
        return (
            f"Next, by itself: {told['follows'][0]}. No command has to be run for it."
        )
    places = dict.fromkeys(filter(None, (_at(each["source"]) for each in loud)))
    where = f": {', '.join(places)}, or what is live" if places else ""
    return f"No command mends this. Something has to be changed by hand{where}."


def _at(source: dict[str, Any] | None) -> str:
    return f"{source['file']}:{source['line']}" if source else ""


def _head(told: dict[str, Any]) -> Iterator[str]:
    yield f"{click.style(told['address'], bold=True)}  {_at(told['source'])}"
    labels = told["labels"]
    facts = [
        f"made by {told['site']} from SiteProfile/{labels.get('profile')}"
        if told["site"]
        else "",
        f"uid {told['uid']}" if not told["address"].endswith(f"/{told['uid']}") else "",
        "protected" if told["protected"] else "",
        " ".join(f"{key}={value}" for key, value in labels.items()),
    ]
    if any(facts):
        yield f"  {' · '.join(filter(None, facts))}"
    users = told["used_by"]
    if users:
        more = f" and {len(users) - _USERS} more" if len(users) > _USERS else ""
        yield f"  used by {', '.join(users[:_USERS])}{more}"


def _wanted(told: dict[str, Any], *, full: bool) -> Iterator[str]:
    values = told["values"]
    shown = [each for each in values if full or each["from"] != DEFAULT]
    if not values:
        return
    yield ""
    yield click.style("Wanted", bold=True)
    yield from _columns([_row(told["address"], *row) for row in _values(shown)])
    if hidden := len(values) - len(shown):
        yield f"  and {hidden} defaults of the kind (-v)"


def _values(
    shown: list[dict[str, Any]],
) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    """Yield (path, value, leaves); a record's values together."""
    for path, same in groupby(shown, key=_record):
        group = list(same)
        if path is None:
            yield from ((e["path"], _plain(e["value"]), [e]) for e in group)
            continue
        text = " ".join(
            _plain(each["value"])
            for each in group
            if each["path"].rpartition(".")[2] not in {"name", "type"}
        )
        yield path, text, group


def _plain(value: Any) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, list):
        return ", ".join(map(_plain, value)) or "(none)"
    return flow(value) if not isinstance(value, str) else value


def _record(value: dict[str, Any]) -> str | None:
    """Return what names the record that a value is of, if it is of one."""
    head, bracket, _ = value["path"].partition("]")
    return f"{head}]" if bracket and "[" in head else None


def _row(address: str, path: str, text: str, group: list[dict[str, Any]]) -> _Row:
    cut = text if len(text) <= _WIDE else f"{text[: _WIDE - 1]}…"
    sources = dict.fromkeys(
        # What stands in the entry itself is said by its place alone.
        _at(e["source"])
        if e["from"] == address and e["source"]
        else f"{e['from']}  {_at(e['source'])}".strip()
        for e in group
    )
    return _Row(path.removeprefix("spec."), cut, ", ".join(sources))


class _Row(NamedTuple):
    """One value: its path, itself, and where it was written."""

    path: str
    text: str
    origin: str


def _columns(rows: list[_Row]) -> Iterator[str]:
    """Yield *rows* in columns; a long value does not push all others aside."""
    path = max((len(row.path) for row in rows), default=0)
    text = min(max((len(row.text) for row in rows), default=0), _COLUMN)
    for row in rows:
        yield f"  {row.path:<{path}}  {row.text:<{text}}  {row.origin}".rstrip()


def _parts(parts: list[dict[str, Any]]) -> Iterator[str]:
    if not parts:
        return
    yield ""
    yield click.style("Makes", bold=True)
    for part in parts:
        yield f"  {part['address']:<38} {part['says']}"


def _story(told: dict[str, Any]) -> Iterator[str]:
    """What happened, as the kind itself tells it; of a Site for each part."""
    last = ""
    for chapter in told["story"]:
        if chapter["address"] != last:
            last = chapter["address"]
            whose = f"  {last}" if told["parts"] else ""
            yield ""
            yield f"{click.style('Story', bold=True)}{whose}  {chapter['title']}"
        else:
            yield f"  {chapter['title']}"
        yield from (f"    {line}" for line in chapter["lines"])


def _live(told: dict[str, Any], *, full: bool) -> Iterator[str]:
    if not told["live"] or told["parts"]:
        return
    yield ""
    when = f"as observed {told['observed']}" if told["observed"] else "read now"
    yield f"{click.style('Live', bold=True)}  {when}"
    for each in told["live"]:
        where = f"{each['provider']} ({each['family']})"
        yield f"  {where:<26} {_state(each, told['as_of'])}"
        yield from _listed(each.get("state", {}), full=full)


def _state(each: dict[str, Any], now: str) -> str:
    if each["is"] == "unknown":
        return f"unknown: {each['why']}; nothing is planned from it"
    if each["is"] == "absent":
        return "is not there"
    state = dict(each["state"])
    expires = state.pop("expires", None)
    rows = []
    if expires:
        days = (datetime.fromisoformat(expires) - datetime.fromisoformat(now)).days
        rows = [f"expires {expires[:10]}, in {days} d"]
    # What is empty says nothing; the rest in words, as in `auto renew yes`.
    rows += [
        f"{key.replace('_', ' ')} {_short(value)}"
        for key, value in state.items()
        if value not in ({}, [], "")
    ]
    return " · ".join(rows)


def _listed(state: dict[str, Any], *, full: bool) -> Iterator[str]:
    """Yield a line for each thing that was seen, as a certificate at an address."""
    for key, value in state.items():
        many = value if isinstance(value, list) else []
        many = many if many and isinstance(many[0], dict) else []
        if (hidden := 0 if full else len(many) - _MANY) > 0:
            yield f"    {key}: the last {_MANY} of {len(many)} (-v)"
        for one in many[max(hidden, 0) :]:
            words = (
                f"{name.replace('_', ' ')} {_short(each)[:_WORD]}"
                for name, each in one.items()
            )
            yield f"    {key}: {' · '.join(words)}"


def _short(value: Any) -> str:
    if value in ({}, []):
        return "none"
    if isinstance(value, dict):
        plain = not any(isinstance(one, (dict, list)) for one in value.values())
        if plain and len(value) <= _FEW:
            return ", ".join(f"{key} {_short(one)}" for key, one in value.items())
        return f"{len(value)} {'entry' if len(value) == 1 else 'entries'}"
    if isinstance(value, list) and isinstance(value[0], dict):
        return str(len(value))  # each has a line of its own
    if isinstance(value, list):
        return " ".join(map(str, sorted(value)))
    if isinstance(value, bool):
        return ("no", "yes")[value]
    return _minute(value) if isinstance(value, str) else str(value)


def _minute(text: str) -> str:
    """Return *text*, where it is a time as people write one."""
    return f"{text[:10]} {text[11:16]}" if _TIME.match(text) else text


def _next(told: dict[str, Any]) -> Iterator[str]:
    yield ""
    yield f"{click.style('Next', bold=True)}  as of {_minute(told['as_of'])} UTC"
    count = 0
    for each in _coming(told):
        count += 1
        yield f"  {each}"
    if not count:
        yield "  nothing differs, and nothing comes due"
    if told["quiet_until"]:
        yield f"  time alone changes nothing before {_minute(told['quiet_until'])}"


def _coming(told: dict[str, Any]) -> Iterator[str]:
    for action in told["actions"]:
        stands = standing(action)
        word = click.style(f"{stands:<6}", fg=_COLOURS[stands])
        price = f"  {money(action['cost'])}" if action["cost"] else ""
        price += f"  {charge}" if (charge := clients([action])) else ""
        whom = f"{action['kind']}/{action['name']}" if told["parts"] else ""
        head = f"{action['verb']} {whom}".strip()
        yield f"{word} {head}  {action['provider']}{price}  {action['because']}"
        for change in action["changes"]:
            field = change["field"].removeprefix("spec.")
            before, after = shown_value(change["before"]), shown_value(change["after"])
            yield f"       {field}: {before} -> {after}"
        yield from _stopped(action)
    for drift in told["drift"]:
        yield f"drift  {drift['field'].removeprefix('spec.')}: {drift['disposition']}"
    for later in told["deferred"]:
        yield f"later  {later['verb']}  {later['because']}, not before {later['until']}"
    for unread in told["unknown"]:
        yield f"unread {unread['provider']} ({unread['family']}): {unread['why']}"
    for due in told["due"]:
        charge = f"client pays {due['charge']}" if due["charge"] else ""
        sums = "  ".join(filter(None, (due["cost"], charge)))
        yield f"due    {due['at'][:10]}  {due['what']}  {sums}".rstrip()
    for finding in told["findings"]:
        yield f"{finding['severity']}: {finding['message']}  {_at(finding['source'])}"
        if part_of(finding):  # what a ScanPolicy calls it
            yield f"       {finding['id']}"


def _stopped(action: dict[str, Any]) -> Iterator[str]:
    for verdict in action["policy"]:
        if verdict["decision"] != "allow":
            yield f"       {verdict['rule']}: {verdict['why']}"
    if action["decision"] == "hold" and action["needs"]:
        yield f"       needs {' + '.join(action['needs'])}"


def _past(told: dict[str, Any]) -> Iterator[str]:
    for begun in told["open"]:
        word = "nobody could tell what became of it" if begun["unknown"] else "is open"
        yield f"  open   {begun['verb']}  since {begun['time']}: {word}  {begun['id']}"
    yield ""
    base = told["based"]
    since = f"last applied as of commit {base[:7]}" if base else "was never applied"
    yield f"{click.style('Past', bold=True)}  {since}"
    for line in told["log"]:
        yield f"  {said(line)}"
