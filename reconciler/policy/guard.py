"""Refusals that come before any rule: a lost inventory, a changed trust."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from pydantic import BaseModel

from reconciler.kinds.provider import Provider
from reconciler.model import AnyResource, Finding, Ref, SecretRef, Severity, sha256
from reconciler.policy.budget import at_most
from reconciler.policy.documents import policy_kinds

_NOTABLE = 10


def lost_too_much(
    before: Mapping[str, int],
    after: Mapping[str, int],
    share: Decimal = Decimal("0.25"),
) -> str | None:
    """
    Say why an inventory that shrank so much is refused; None if it is not.

    Counts are by kind. Refused are an empty inventory, one that lost more than
    *share* of all its resources, and one that lost more than *share* of a kind
    that had ten or more. The share is rounded up: one resource may always go.
    """
    if not sum(after.values()):
        return "the inventory is empty"
    if why := _lost("resources", sum(before.values()), sum(after.values()), share):
        return why
    for kind, had in sorted(before.items()):
        if had >= _NOTABLE and (
            why := _lost(f"{kind} documents", had, after.get(kind, 0), share)
        ):
            return why
    return None


def _lost(what: str, had: int, has: int, share: Decimal) -> str | None:
    if had - has <= at_most(share, had):
        return None
    return f"the inventory lost {had - has} of {had} {what}, more than {share:.0%}"


def trusted(documents: Iterable[AnyResource]) -> dict[Ref, str]:
    """
    Return a digest of everything that decides who is asked and who may.

    That is every Provider document, every policy, and the SecretRefs of any other.
    """
    found: dict[Ref, str] = {}
    for document in documents:
        if isinstance(document, Provider) or document.kind in policy_kinds():
            dumped = document.model_dump(mode="json", by_alias=True)
            found[document.ref] = sha256(dumped)
        elif secrets := sorted(map(str, _secrets(document.spec))):
            found[document.ref] = sha256(secrets)
    return found


def _secrets(value: object) -> Iterator[SecretRef]:
    if isinstance(value, SecretRef):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name))
    elif isinstance(value, dict):
        for item in value.values():
            yield from _secrets(item)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _secrets(item)


def changed_trust(base: Mapping[Ref, str], head: Mapping[Ref, str]) -> list[Finding]:
    """
    Return one finding for each trusted document that differs from the base branch.

    *base* and *head* come from ``trusted``. A pull request is judged by what stands
    on its base branch, so such a change does nothing until the security group has
    approved it and it is merged.
    """
    return [
        Finding(
            "trust-changed",
            Severity.ERROR,
            ref.kind,
            ref.name,
            f"{_how(ref, base, head)} here: this plan still follows the base branch, "
            "and merging it needs the group security",
        )
        for ref in sorted({*base, *head})
        if base.get(ref) != head.get(ref)
    ]


def _how(ref: Ref, base: Mapping[Ref, str], head: Mapping[Ref, str]) -> str:
    if ref not in base:
        return "was added"
    return "changes" if ref in head else "was removed"
