"""How Stripe says things: forms in, objects, lists and errors out."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from reconciler.sandbox.rest import Answer, Call

Account = dict[str, Any]
Params = dict[str, Any]
MOST: Final = 100
_USUAL: Final = 10
_STEP: Final = re.compile(r"\[([^\]]*)\]")
_WORD: Final = re.compile(r"\w+")
_DOC: Final = "https://stripe.com/docs/error-codes"


def form(pairs: Iterable[tuple[str, str]]) -> Params:
    """Return ``a[b][]=c`` as nested mappings and lists, as the SDKs encode them."""
    found: Params = {}
    for key, value in pairs:
        head, _, rest = key.partition("[")
        _put(found, [head, *(_STEP.findall("[" + rest) if rest else [])], value)
    return found


def _put(into: Params, steps: Sequence[str], value: str) -> None:
    head, *rest = steps
    if not rest:
        into[head] = value
    elif rest == [""] or (len(rest) == 1 and rest[0].isdigit()):
        into.setdefault(head, []).append(value)
    else:
        below = into.setdefault(head, {})
        if isinstance(below, dict):
            _put(below, rest, value)


def unknown(params: Any, typed: type, path: str = "") -> str | None:
    """
    Return the first parameter that the SDK's own type *typed* does not have.

    A nested mapping is held against the types that its annotation names.
    """
    if not isinstance(params, dict):
        return None
    hints: Mapping[str, Any] = typed.__annotations__
    module = sys.modules[typed.__module__]
    for name, value in params.items():
        where = f"{path}[{name}]" if path else name
        if name not in hints:
            return where
        words = _WORD.findall(str(hints[name]))
        named: list[Any] = [getattr(module, word, None) for word in words]
        typeds = [one for one in named if hasattr(one, "__required_keys__")]
        found = [unknown(value, one, where) for one in typeds]
        if found and all(found):
            return found[0]
    return None


def error(
    status: int, message: str, code: str | None = None, param: str | None = None
) -> Answer:
    """Return an ``invalid_request_error``, in the form of every error."""
    return typed_error(status, "invalid_request_error", message, code, param)


def typed_error(
    status: int, kind: str, message: str, code: str | None, param: str | None = None
) -> Answer:
    """Return an error of *kind* (``card_error``, ``idempotency_error`` ...)."""
    body: dict[str, Any] = {"message": message, "type": kind}
    if code:
        body |= {"code": code, "doc_url": f"{_DOC}/{code.replace('_', '-')}"}
    if param:
        body["param"] = param
    return Answer(status, {"error": body})


def missing(what: str, name: str, param: str, status: int = 404) -> Answer:
    """Return that there is no such thing."""
    return error(status, f"No such {what}: '{name}'", "resource_missing", param)


def paged(
    call: Call, params: Params, found: Sequence[dict[str, Any]], what: str
) -> Answer:
    """
    Return one page of *found*, the newest first.

    ``limit`` 1 to 100 (10 if left out), ``starting_after`` and ``ending_before`` are
    ids of the list (docs.stripe.com/api/pagination).
    """
    try:
        limit = int(params.get("limit", _USUAL))
    except ValueError:
        return error(400, "Invalid integer", "parameter_invalid_integer", "limit")
    if not 1 <= limit <= MOST:
        said = f"This value must be between 1 and {MOST} (it is currently '{limit}')"
        return error(400, said, "parameter_invalid_integer", "limit")
    ordered = sorted(found, key=lambda row: (-row["created"], row["id"]))
    ids = [row["id"] for row in ordered]
    start, stop = 0, len(ids)
    for param in ("starting_after", "ending_before"):
        after = params.get(param)
        if after is None or call.faulty == "duplicate-page":
            continue
        if after not in ids:
            return missing(what, after, param, 400)
        if param == "starting_after":
            start = ids.index(after) + 1
        else:
            stop = ids.index(after)
            start = max(0, stop - limit)
    page = [] if call.faulty == "empty" else ordered[start : min(stop, start + limit)]
    more = start + limit < len(ids) and call.faulty != "empty"
    body = {"object": "list", "url": call.where, "has_more": more, "data": page}
    return Answer(200, body)


def expanded(
    params: Params, known: Iterable[str], prefix: str = ""
) -> tuple[set[str], Answer | None]:
    """Return which of the *known* fields are to be expanded, or the refusal."""
    asked = params.get("expand", [])
    wanted = {str(one).removeprefix(prefix) for one in asked}
    for one in sorted(wanted.difference(known)):
        return set(), error(400, f"This property cannot be expanded ({one}).")
    return wanted, None
