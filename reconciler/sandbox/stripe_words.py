"""How Stripe says things: forms in, objects, lists and errors out."""

from __future__ import annotations

import marshal
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple, NoReturn

from reconciler.sandbox.rest import Answer, Call

Account = dict[str, Any]
Params = dict[str, Any]
Row = dict[str, Any]
Serve = Callable[[Call, Account, Params], Answer]
MOST: Final = 100
_USUAL: Final = 10
_STEP: Final = re.compile(r"\[([^\]]*)\]")
_WORD: Final = re.compile(r"\w+")
_DOC: Final = "https://stripe.com/docs/error-codes"
#: What every list takes.
PAGE: Final = frozenset({"limit", "starting_after", "ending_before", "expand"})
EXPAND: Final = frozenset({"expand"})
#: "A maximum depth of four levels" (docs.stripe.com/api/expanding_objects).
_DEEPEST: Final = 4


class Route(NamedTuple):
    """
    One operation.

    Attributes:
        needs: The permission that a restricted key must have for it.
        typed: The SDK's type of its parameters, by name in ``stripe.params``.
        played: The parameters of it that are emulated.
    """

    name: str
    method: str
    path: str
    serve: Serve
    needs: str
    typed: str
    played: frozenset[str]


class Refused(Exception):
    """
    A request is refused; nothing of it happened.

    Attributes:
        remembered: The endpoint had begun, so that the answer is kept for its key.
    """

    def __init__(self, answer: Answer, *, remembered: bool = True) -> None:
        super().__init__(answer.status)
        self.answer = answer
        self.remembered = remembered


def refuse(
    message: str, code: str | None = None, param: str | None = None, status: int = 400
) -> NoReturn:
    """Refuse a request that was understood; the refusal is kept for its key."""
    raise Refused(error(status, message, code, param))


def malformed(message: str, code: str | None, param: str) -> NoReturn:
    """Refuse what fails its validation, which no key remembers."""
    raise Refused(error(400, message, code, param), remembered=False)


def required(params: Params, name: str) -> Any:
    """Return a parameter that has to be there."""
    if (found := params.get(name)) in {None, ""}:
        malformed(f"Missing required param: {name}.", "parameter_missing", name)
    return found


def whole(params: Params, name: str) -> int | None:
    """Return a parameter that is an integer, where it is there."""
    if (found := params.get(name)) is None:
        return None
    try:
        return int(found)
    except (TypeError, ValueError):
        said = f"Invalid integer: {found}"
        malformed(said, "parameter_invalid_integer", name)


def truth(params: Params, name: str, *, usual: bool = False) -> bool:
    """Return a parameter that is ``true`` or ``false``."""
    found = params.get(name)
    if found is None:
        return usual
    if found not in {"true", "false"}:
        malformed(f"Invalid boolean: {found}", None, name)
    return bool(found == "true")


def chosen(params: Params, name: str, words: Iterable[str]) -> str | None:
    """Return a parameter that is one of some *words*, where it is there."""
    found = params.get(name)
    if found is None or found in set(words):
        return found
    known = ", ".join(sorted(words))
    malformed(f"Invalid {name}: must be one of {known}", None, name)


def stated(params: Params, name: str) -> Callable[[int], bool]:
    """Return what a range like ``created[gte]`` lets through."""
    asked = params.get(name)
    if asked is None:
        return lambda _: True
    bounds = asked if isinstance(asked, dict) else {"gte": asked, "lte": asked}
    limits = {word: whole(bounds, word) or 0 for word in bounds}
    for word in limits.keys() - {"gt", "gte", "lt", "lte"}:
        malformed(f"Received unknown parameter: {name}[{word}]", None, name)

    def within(moment: int) -> bool:
        return (
            moment > limits.get("gt", -1)
            and moment >= limits.get("gte", 0)
            and moment < limits.get("lt", moment + 1)
            and moment <= limits.get("lte", moment)
        )

    return within


def found_in(account: Account, part: str, what: str, name: str) -> Row:
    """Return one thing of an account, or refuse with a 404."""
    row: Row | None = account[part].get(name)
    if row is None:
        raise Refused(missing(what, name, what))
    return row


def new_id(account: Account, prefix: str) -> str:
    """Return an id that the account has not had yet."""
    account["made"] += 1
    return f"{prefix}_sandbox{account['made']:06}"


def copied(value: Any) -> Any:
    """Return *value*, which could be JSON, with nothing of it shared."""
    return marshal.loads(marshal.dumps(value, _WITHOUT_SHARING))  # noqa: S302  (ours)


#: The last version of that format in which nothing refers to what came before.
_WITHOUT_SHARING: Final = 2


def key_of(call: Call) -> str | None:
    """Return the idempotency key of a request, where it has one."""
    return call.headers.get("idempotency-key")


def now_of(call: Call) -> int:
    """Return the time in the seconds of Stripe's objects."""
    return int(call.bench.clock().timestamp())


def labelled(row: Row, params: Params) -> None:
    """Set the metadata that is asked for; an empty value takes one away."""
    asked = params.get("metadata")
    if asked == "":
        row["metadata"] = {}
    elif isinstance(asked, dict):
        merged = {**row["metadata"], **asked}
        row["metadata"] = {name: value for name, value in merged.items() if value}


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
    for name, value in params.items():
        where = f"{path}[{name}]" if path else name
        if name not in hints:
            return where
        if not isinstance(value, dict):
            continue
        found = [unknown(value, one, where) for one in _nested(typed, name)]
        if found and all(found):
            return found[0]
    return None


@cache
def _nested(typed: type, name: str) -> tuple[type, ...]:
    """Return the types that the annotation of a parameter names."""
    words = _WORD.findall(str(typed.__annotations__[name]))
    module = sys.modules[typed.__module__]
    named: list[Any] = [getattr(module, word, None) for word in words]
    return tuple(one for one in named if hasattr(one, "__required_keys__"))


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
    for one in asked:
        if str(one).count(".") >= _DEEPEST:
            said = "You cannot expand more than 4 levels of a property"
            return set(), error(400, f"{said} ({one}).")
    for one in sorted(wanted.difference(known)):
        return set(), error(400, f"This property cannot be expanded ({one}).")
    return wanted, None


def unlocked(call: Call, row: Row) -> Row:
    """
    Return *row*, which no other request is at work on; or refuse.

    "The request failed because of a lock timeout" (docs.stripe.com/error-codes).
    """
    locked = call.bench.state["locks"]
    if locked.get(row["id"], 0) > 0:
        locked[row["id"]] -= 1
        said = (
            "This object cannot be accessed right now because another API request or "
            "Stripe process is currently accessing it."
        )
        raise Refused(error(429, said, "lock_timeout"), remembered=False)
    return row
