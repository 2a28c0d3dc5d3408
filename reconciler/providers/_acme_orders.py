"""
Orders and what they are made of, as RFC 8555 (7.1.3 to 7.5) has them.

Beside it: profiles (draft-ietf-acme-profiles) and ``replaces`` (RFC 9773, 5), which
frees a renewal from the limits of Let's Encrypt.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding

from reconciler.errors import ProviderError, Rejected
from reconciler.model.driver import Answered
from reconciler.providers._acme import Acme
from reconciler.providers._acme_job import Job, Proof
from reconciler.providers._acme_problem import (
    Problem,
    error,
    problem_of,
    read,
    wait,
)
from reconciler.providers._certificate import request

_DNS: Final = "dns-01"
_PREFIX: Final = "_acme-challenge"
#: What an authority says where it does not take ``replaces``: RFC 9773 knows the first;
#: Boulder says the others where another account, or nobody, ordered the old one.
_NOT_REPLACED: Final = {"alreadyReplaced", "malformed", "unauthorized"}


class Order(NamedTuple):
    """
    An order, as the authority has it.

    Attributes:
        after: In how many seconds it wants to be asked again, if it says so.
        certificate: Where the certificate is.
    """

    status: str
    authorizations: tuple[str, ...]
    finalize: str
    certificate: str | None = None
    after: float | None = None
    problem: Problem | None = None


def profile_of(acme: Acme, job: Job) -> str | None:
    """
    Return which profile to ask for; None: the authority's own choice.

    Raises:
        Rejected: It does not offer the one that is required; names those it does.
    """
    asked = job.change.details.get("profile")
    wanted = list(map(str, asked)) if isinstance(asked, list) else []
    offered = acme.meta.get("profiles")
    known = sorted(offered) if isinstance(offered, dict) else []
    found = next((name for name in wanted if name in known), None)
    if found is None and job.change.details.get("required") and job.keeps:
        offers = f"it offers {', '.join(known)}" if known else "it offers none"
        raise Rejected(
            acme.http.shown(f"no profile {', '.join(wanted)}: {offers}"),
            hint="write one of them in profile.require, or prefer it",
            reason="invalidProfile",
        )
    return found


def new_order(acme: Acme, job: Job) -> tuple[str, Order]:
    """Order, and return where the order is; once more if nothing may be replaced."""
    payload: dict[str, Any] = {
        "identifiers": [{"type": "dns", "value": name} for name in job.names]
    }
    if job.profile:
        payload["profile"] = job.profile
    if job.replaces and job.keeps and "renewalInfo" in acme.directory:
        try:
            return _ordered(acme, {**payload, "replaces": job.replaces})
        except Rejected as no:
            if no.reason not in _NOT_REPLACED:
                raise
    return _ordered(acme, payload)


def _ordered(acme: Acme, payload: Mapping[str, Any]) -> tuple[str, Order]:
    answer = acme.post(acme.directory["newOrder"], payload, "new-order")
    url = answer.headers.get("location")
    if not url:
        raise Rejected("the authority does not say where the order is")
    return acme.sound(url), _order(acme, answer)


def followed(acme: Acme, job: Job) -> Order:
    """Return how the order of *job* stands."""
    assert job.url is not None  # noqa: S101  (it has been ordered)
    return _order(acme, acme.get(job.url, "get-order"))


def finalized(acme: Acme, job: Job, order: Order) -> Order:
    """Send what has to be signed; an order that is not ready yet stays as it is."""
    assert job.key is not None  # noqa: S101  (see ``_acme_job.begin``)
    signed = request(job.key, job.names)
    der = urlsafe_b64encode(signed.public_bytes(Encoding.DER)).rstrip(b"=").decode()
    try:
        return _order(acme, acme.post(order.finalize, {"csr": der}, "finalize"))
    except Rejected as no:
        if no.reason != "orderNotReady":
            raise
        return order._replace(status="pending")


def _order(acme: Acme, answer: Answered) -> Order:
    row = _mapping(answer)
    certificate = row.get("certificate")
    status, finalize = row.get("status"), row.get("finalize")
    if not isinstance(status, str) or not isinstance(finalize, str):
        raise Rejected("an order of the authority is not what RFC 8555 says")
    return Order(
        status,
        tuple(acme.sound(str(url)) for url in row.get("authorizations") or ()),
        acme.sound(finalize),
        acme.sound(str(certificate)) if certificate else None,
        wait(answer, acme.now()),
        problem_of(row["error"]) if row.get("error") else None,
    )


def authorizations(acme: Acme, order: Order, kind: str) -> Iterator[tuple[str, Proof]]:
    """
    Yield the status of each authorization of *order*, and how its name is proven.

    Raises:
        Rejected: The authority does not take a proof of this *kind*.
    """
    for url in order.authorizations:
        row = _mapping(acme.get(url, "get-authorization"))
        name = _name(row)
        found = next((c for c in _challenges(row) if c.get("type") == kind), None)
        status = str(row.get("status"))
        if found is None and status != "pending":
            continue  # it was proven in another way
        if found is None:
            raise Rejected(f"{name}: the authority takes no proof by {kind}")
        token, place = found.get("token"), found.get("url")
        if not isinstance(token, str) or not isinstance(place, str):
            raise Rejected(f"{name}: a challenge is not what RFC 8555 says")
        said, place = f"{token}.{acme.key.thumbprint}", acme.sound(place)
        if kind == _DNS:
            yield status, Proof(f"{_PREFIX}.{name}", digest(said), place)
        else:
            yield status, Proof(name, said, place, token)


def digest(authorization: str) -> str:
    """Return what the TXT record has to say (RFC 8555, 8.4)."""
    made = sha256(authorization.encode()).digest()
    return urlsafe_b64encode(made).rstrip(b"=").decode()


def why_invalid(acme: Acme, order: Order) -> ProviderError:
    """Return why nothing comes of *order*, in the authority's words."""
    for url in order.authorizations:
        try:
            row = _mapping(acme.get(url, "get-authorization"))
        except ProviderError:
            continue
        for challenge in _challenges(row):
            if challenge.get("error"):
                problem = problem_of(challenge["error"])
                return error(problem, _name(row), acme.now(), acme.http.shown)
    if order.problem is not None:
        return error(order.problem, "the order", acme.now(), acme.http.shown)
    return Rejected("the authority gave the order up, and does not say why")


def _mapping(answer: Answered) -> Mapping[str, Any]:
    found = read(answer)
    if not isinstance(found, dict):
        raise Rejected("an answer of the authority is not what RFC 8555 says")
    return found


def _challenges(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = row.get("challenges")
    rows = found if isinstance(found, list) else []
    return [one for one in rows if isinstance(one, dict)]


def _name(row: Mapping[str, Any]) -> str:
    found = row.get("identifier")
    return str(found.get("value")) if isinstance(found, dict) else "a name"
