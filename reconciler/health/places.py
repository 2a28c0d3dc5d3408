"""Where what is checked is, and what it hangs on: from other documents. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Final
from urllib.parse import urlsplit

from reconciler.health.memory import Watch
from reconciler.kinds.certificate import Certificate
from reconciler.kinds.domain import Domain
from reconciler.kinds.health_check import HealthCheck
from reconciler.kinds.hosting_account import HostingAccount
from reconciler.kinds.provider import Provider
from reconciler.kinds.server import Server
from reconciler.model import AnyResource, Ref

Find = Callable[[Ref], AnyResource | None]
ACCOUNT: Final = "HostingAccount"
PROVIDER: Final = "Provider"
SERVER: Final = "Server"
#: What several machines hang on. It has no document: a Server names it, and a Provider
#: by its label.
REGION: Final = "Region"
LABEL: Final = "region"


class Places:
    """
    The inventory, as checks see it.

    Args:
        find: Looks a resource up.
        all_of: All resources of a kind; asked for once, if at all.
    """

    def __init__(
        self, find: Find, all_of: Callable[[str], Iterable[AnyResource]]
    ) -> None:
        self._find = find
        self._all_of = all_of

    def watch(self, check: HealthCheck) -> Watch:
        """Return what the machine has to know of *check*."""
        kind, _, name = check.spec.of.partition("/")
        of = Ref(kind, name)
        above = {
            "reach": tuple(self._carried(of)),
            "usage": tuple(self._carried(of)),
            "dns": tuple(self._named(of)),
            "certificate": tuple(self._signed(of)),
        }
        return Watch(check.name, of, check.spec, above)

    def located(self, check: HealthCheck) -> HealthCheck:
        """Return *check* with the host that it leaves to what it is of."""
        spec = check.spec
        if spec.host is not None or spec.url is not None or spec.type == "usage":
            return check
        kind, _, name = spec.of.partition("/")
        host = self._host(Ref(kind, name))
        if host is None:
            return check
        return check.model_copy(update={"spec": spec.model_copy(update={"host": host})})

    def _host(self, of: Ref) -> str | None:
        found = self._find(of)
        if of.kind in {"Domain", "Site"}:
            return of.name
        if isinstance(found, HostingAccount):
            return found.domain
        if isinstance(found, Certificate):
            plain = [name for name in found.spec.names if "*" not in name]
            return plain[0] if plain else None
        if isinstance(found, Provider):
            at = found.spec.ipv4 or found.spec.ipv6
            return str(at) if at else urlsplit(found.spec.endpoint or "").hostname
        return None  # nothing says where a machine is: host does

    def _carried(self, of: Ref) -> Iterator[Ref]:
        """Yield what *of* is reached through: account, panel, machine, cloud."""
        at = self._account(of)
        if at is not None:
            if at.ref != of:
                yield at.ref
            of = Ref(PROVIDER, at.spec.provider)
            yield of
        if of.kind == PROVIDER and of.name in self._by_panel:
            of = self._by_panel[of.name].ref
            yield of
        machine = self._find(of)
        if isinstance(machine, Server):
            if machine.spec.region is not None:
                yield Ref(REGION, machine.spec.region)
            yield Ref(PROVIDER, machine.spec.provider)
        elif of.kind == PROVIDER:
            found = self._find(of)
            region = found.metadata.labels.get(LABEL) if found is not None else None
            if region:
                yield Ref(REGION, region)

    def _named(self, of: Ref) -> Iterator[Ref]:
        """Yield who answers for the name in DNS, where that is one account alone."""
        name = self._host(of)
        labels = (name or "").split(".")
        for start in range(len(labels) - 1):
            zone = self._find(Ref("Domain", ".".join(labels[start:])))
            if isinstance(zone, Domain):
                if zone.ref != of:
                    yield zone.ref
                targets = zone.spec.dns.targets
                if len(targets) == 1:
                    yield Ref(PROVIDER, targets[0])
                return

    def _signed(self, of: Ref) -> Iterator[Ref]:
        """Yield the certificate of the same name, and the first who issues it."""
        found = self._find(
            of if of.kind == "Certificate" else Ref("Certificate", of.name)
        )
        if isinstance(found, Certificate):
            if found.ref != of:
                yield found.ref
            if found.spec.issuers:
                yield Ref("Issuer", found.spec.issuers[0])

    def _account(self, of: Ref) -> HostingAccount | None:
        """Return the account that serves *of*."""
        if of.kind == "Certificate":
            name = self._host(of)
            return self._by_domain.get(name) if name else None
        if of.kind not in {"Domain", "Site", ACCOUNT}:
            return None
        found = self._find(Ref(ACCOUNT, of.name))
        if isinstance(found, HostingAccount):
            return found
        return self._by_domain.get(of.name)

    @cached_property
    def _by_domain(self) -> dict[str, HostingAccount]:
        return {
            one.domain: one
            for one in self._all_of(ACCOUNT)
            if isinstance(one, HostingAccount)
        }

    @cached_property
    def _by_panel(self) -> dict[str, Server]:
        return {
            one.spec.panel: one
            for one in self._all_of(SERVER)
            if isinstance(one, Server) and one.spec.panel is not None
        }
