"""An inventory of one subscription that is in no file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.kinds.subscription import Subscription, SubscriptionSpec
from reconciler.model import AnyResource, Metadata, Ref, Terms
from reconciler.sandbox.paying.story import SINCE

NAME = "acme"


class OneSubscription:
    """A Tree with nothing else in it; git may change its terms."""

    def __init__(self, terms: Terms) -> None:
        self.want = self.named(terms)

    @staticmethod
    def named(terms: Terms) -> Subscription:
        """Return the subscription on *terms*."""
        spec = SubscriptionSpec(
            customer=terms.customer,
            since=SINCE,
            covers=("HostingAccount/acme.example",),
            terms=terms,
        )
        return Subscription(metadata=Metadata(name=NAME), spec=spec)

    def refs(self) -> list[Ref]:
        """Every address."""
        return [self.want.ref]

    def addresses(self) -> Sequence[Ref]:
        """The same."""
        return self.refs()

    def get(self, ref: Ref) -> AnyResource:
        """The resource at *ref*."""
        if ref != self.want.ref:
            raise KeyError(ref)
        return self.want

    def made(self, ref: Ref) -> AnyResource:
        """The same."""
        return self.get(ref)

    def digests(self) -> Mapping[Ref, bytes]:
        """Nothing is kept between runs."""
        return {}

    def digest(self, ref: Ref) -> str:
        """The hash of its content; nothing is compared."""
        return str(ref)

    def uid(self, ref: Ref) -> str:
        """The identity of *ref*."""
        return self.get(ref).uid

    def edges(self) -> Mapping[Ref, frozenset[Ref]]:
        """Nothing depends on anything."""
        return {self.want.ref: frozenset()}

    def __contains__(self, ref: object) -> bool:
        return ref == self.want.ref
