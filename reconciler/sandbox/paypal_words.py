"""How PayPal says things: errors with a debug id, links, money, and kept requests."""

from __future__ import annotations

import hashlib
import marshal
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.paypal_issues import ISSUES
from reconciler.sandbox.rest import Answer, Call

Account = dict[str, Any]
Thing = dict[str, Any]
Serve = Callable[[Call, Account], Answer]
HOME: Final = "https://api-m.paypal.com"
LONGEST_KEY: Final = 108
#: No 0, 1, I and O: what the ids of payers are made of.
_LETTERS: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_BROKEN: Final = (
    "Request is not well-formed, syntactically incorrect, or violates schema."
)
_CONFLICT: Final = "The server has detected a conflict while processing this request."
_UNABLE: Final = (
    "The requested action could not be performed, semantically incorrect, or failed "
    "business validation."
)
_NAMES: Final = {
    400: ("INVALID_REQUEST", _BROKEN),
    403: ("NOT_AUTHORIZED", "Authorization failed due to insufficient permissions."),
    404: ("RESOURCE_NOT_FOUND", "The specified resource does not exist."),
    409: ("RESOURCE_CONFLICT", _CONFLICT),
    422: ("UNPROCESSABLE_ENTITY", _UNABLE),
}


class Route(NamedTuple):
    """
    One operation.

    Attributes:
        name: The ``operationId`` of the published specification.
        played: The fields of a body, as dotted paths, that are emulated; a field of
            a list is below ``[]``. None: any body is taken, and not looked at.
        kept: How long the answer is kept for its ``PayPal-Request-Id``; None where
            the operation does not know that header.
    """

    name: str
    method: str
    path: str
    serve: Serve
    played: frozenset[str] | None = frozenset()
    kept: timedelta | None = None


def copied(data: Any) -> Any:
    """Return a copy of *data*, which is plain; many times as fast as deepcopy."""
    return marshal.loads(marshal.dumps(data, _WITHOUT_SHARING))  # noqa: S302  (ours)


#: The last version of that format in which nothing refers to what came before.
_WITHOUT_SHARING: Final = 2


def stamp(moment: datetime) -> str:
    """Return *moment* as PayPal writes it: UTC, without fractions."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def new_id(bench: Bench, what: str, length: int = 17) -> str:
    """Return an id that nothing has yet; the same in every run."""
    bench.state["made"] += 1
    seed = f"{what}|{bench.state['made']}".encode()
    number = int.from_bytes(hashlib.sha256(seed).digest())
    drawn = []
    for _ in range(length):
        number, at = divmod(number, len(_LETTERS))
        drawn.append(_LETTERS[at])
    return "".join(drawn)


def problem(
    status: int, issue: str, said: str = "", *, field: str | None = None
) -> Answer:
    """Return an error in the form of every error but those of OAuth."""
    name, message = _NAMES[status]
    detail = {"issue": issue, "description": said or ISSUES.get(issue, issue)}
    if field is not None:
        detail |= {"field": field, "location": "body"}
    return Answer(status, {"name": name, "message": message, "details": [detail]})


def no_such(what: str = "INVALID_RESOURCE_ID") -> Answer:
    """Return that there is no such thing."""
    return problem(404, what)


def oauth_error(status: int, error: str, said: str) -> Answer:
    """Return an error of the token endpoint, or of a token that is not taken."""
    return Answer(status, {"error": error, "error_description": said})


def link(rel: str, path: str, method: str = "GET") -> dict[str, str]:
    """Return one link (HATEOAS)."""
    return {"href": HOME + path, "rel": rel, "method": method}


def amount(value: Any, field: str) -> tuple[Decimal, Answer | None]:
    """Return the number of an amount object, or the refusal."""
    nothing = Decimal(0)
    if not isinstance(value, dict) or not {"currency_code", "value"} <= value.keys():
        return nothing, problem(400, "MISSING_REQUIRED_PARAMETER", field=field)
    if len(str(value["currency_code"])) != 3:
        return nothing, problem(422, "INVALID_CURRENCY_CODE", field=field)
    try:
        number = Decimal(str(value["value"]))
    except InvalidOperation:
        return nothing, problem(400, "INVALID_PARAMETER_SYNTAX", field=field)
    if number <= 0:
        return nothing, problem(422, "CANNOT_BE_ZERO_OR_NEGATIVE", field=field)
    if number != number.quantize(Decimal("0.01")):
        return nothing, problem(422, "DECIMAL_PRECISION", field=field)
    return number, None


def money(number: Decimal, currency: str) -> dict[str, str]:
    """Return an amount object."""
    return {"currency_code": currency, "value": f"{number:.2f}"}


def unplayed(body: Any, played: frozenset[str], path: str = "") -> str | None:
    """Return the first field of *body* that is not emulated."""
    if isinstance(body, list):
        inside = (unplayed(one, played, f"{path}[]") for one in body)
        return next((one for one in inside if one), None)
    if not isinstance(body, dict):
        return None
    for name, value in body.items():
        where = f"{path}.{name}" if path else name
        nested = isinstance(value, dict | list)
        begun = any(one.startswith((f"{where}.", f"{where}[]")) for one in played)
        if where not in played and not (nested and begun):
            return where
        if nested and where not in played and (found := unplayed(value, played, where)):
            return found
    return None


def whole(call: Call) -> bool:
    """Say whether the caller prefers the whole thing over its id and status."""
    return call.headers.get("prefer") == "return=representation"


def shown(call: Call, status: int, thing: Thing, minimal: tuple[str, ...]) -> Answer:
    """Return *thing*, or of it only what a minimal answer has."""
    if whole(call):
        return Answer(status, dict(thing))
    return Answer(status, {name: thing[name] for name in minimal if name in thing})


def once(call: Call, account: Account, route: Route) -> Answer:
    """
    Serve a request once for its ``PayPal-Request-Id``, for as long as that is kept.

    Documented is that the same id brings "the latest status of the previous request
    that used that same header", and nothing is said about another body: none is
    compared here either, so that nobody may rely on a refusal. A refusal of what was
    carried out (422) is an outcome, and is kept; one of the form (400) is not.
    """
    key = call.headers.get("paypal-request-id")
    if route.kept is None or key is None:
        return route.serve(call, account)
    if not 1 <= len(key) <= LONGEST_KEY:
        return problem(400, "INVALID_STRING_LENGTH", field="PayPal-Request-Id")
    now = call.bench.clock().timestamp()
    kept: Mapping[str, Any] | None = account["keys"].get(f"{call.where}|{key}")
    if kept and now - kept["at"] < route.kept.total_seconds():
        status = 200 if kept["status"] == 201 and kept["created"] else kept["status"]
        return Answer(status, kept["data"])
    answer = route.serve(call, account)
    if answer.status in {200, 201, 204, 422}:
        account["keys"][f"{call.where}|{key}"] = {
            "at": now,
            "status": answer.status,
            "data": copied(answer.data),
            "created": route.name.endswith(".create"),
        }
    return answer
