"""
Vendors that octoDNS knows and that nobody has tested here, by entry.

They work through the same driver, with octoDNS' own TXT handling and its own errors:
a failed reading is Unknown, and a failed change is taken for one that may have
happened. The package must be installed beside this one.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, NamedTuple

from reconciler.errors import ProviderError, Rejected, Unsupported
from reconciler.kinds.domain import Domain
from reconciler.model import AnyDriver
from reconciler.providers._octodns import Desk, Listed, OctodnsDriver
from reconciler.providers._txt import THEIRS


class Entry(NamedTuple):
    """
    One octoDNS provider class.

    Attributes:
        package: What to install.
        module: Where the class is.
        arguments: The Provider's credential names and the class's own.
    """

    package: str
    module: str
    name: str
    arguments: Mapping[str, str]


OTHERS: Mapping[str, Entry] = {
    "azure": Entry(
        "octodns-azure",
        "octodns_azure",
        "AzureProvider",
        {
            "clientId": "client_id",
            "key": "key",
            "directoryId": "directory_id",
            "subscriptionId": "sub_id",
            "resourceGroup": "resource_group",
        },
    ),
    "bind": Entry(
        "octodns-bind",
        "octodns_bind",
        "Rfc2136Provider",
        {"host": "host", "keyName": "key_name", "keySecret": "key_secret"},
    ),
    "digitalocean": Entry(
        "octodns-digitalocean",
        "octodns_digitalocean",
        "DigitalOceanProvider",
        {"token": "token"},
    ),
    "dnsimple": Entry(
        "octodns-dnsimple",
        "octodns_dnsimple",
        "DnsimpleProvider",
        {"token": "token", "account": "account"},
    ),
    "gandi": Entry(
        "octodns-gandi", "octodns_gandi", "GandiProvider", {"token": "token"}
    ),
    "googlecloud": Entry(
        "octodns-googlecloud",
        "octodns_googlecloud",
        "GoogleCloudProvider",
        {"project": "project", "credentialsFile": "credentials_file"},
    ),
    "hetzner": Entry(
        "octodns-hetzner", "octodns_hetzner", "HetznerProvider", {"token": "token"}
    ),
    "ns1": Entry("octodns-ns1", "octodns_ns1", "Ns1Provider", {"apiKey": "api_key"}),
    "ovh": Entry(
        "octodns-ovh",
        "octodns_ovh",
        "OvhProvider",
        {
            "endpoint": "endpoint",
            "applicationKey": "application_key",
            "applicationSecret": "application_secret",
            "consumerKey": "consumer_key",
        },
    ),
}


def untested_class(vendor: str) -> type[AnyDriver] | None:
    """Return the DNS driver of a vendor in OTHERS, or None if it is not there."""
    entry = OTHERS.get(vendor)
    if entry is None:
        return None
    return type(
        f"{entry.name}Untested",
        (Untested,),
        {
            "__doc__": f"{entry.package}, untested here.",
            "entry": entry,
            "credentials": frozenset(entry.arguments),
        },
    )


class Untested(OctodnsDriver):
    """
    One account at a vendor of OTHERS.

    Attributes:
        tested: False: octoDNS has tests of its own, this driver has none there.
    """

    entry: ClassVar[Entry]
    tested: ClassVar[bool] = False

    def identity(self) -> str | None:
        """OctoDNS' classes do not tell."""
        return None

    def _provider(self) -> Any:
        entry = self.entry
        try:
            made = getattr(importlib.import_module(entry.module), entry.name)
        except ImportError:
            raise Unsupported(
                f"{entry.package} is not installed", hint=f"pip install {entry.package}"
            ) from None
        given = {
            theirs: self.account.secrets[ours]
            for ours, theirs in entry.arguments.items()
        }
        return self._guarded(lambda: made("reconciler", **given))

    def _guarded(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except ProviderError:
            raise
        except Exception as error:
            raise Rejected(f"{self.entry.name}: {type(error).__name__}") from error

    def listing(self) -> Iterable[Listed]:
        """Return every zone, if octoDNS can list them at this vendor."""
        provider = self._provider()
        if not hasattr(provider, "list_zones"):
            raise Unsupported(f"{self.entry.package} cannot list zones")
        names = self._guarded(provider.list_zones)
        return [Listed(name.removesuffix(".").lower(), name) for name in names]

    def desk(self, zone: Listed) -> Desk:
        """Return an octoDNS provider; whatever fails in it may have had an effect."""
        provider = self._provider()
        return Desk(
            provider, {}, lambda: False, lambda: 1, lambda: (zone.name, None), THEIRS
        )

    def refuses(self, key: str, row: tuple[str, ...]) -> str | None:
        """OctoDNS' own TXT handling is not sound for these."""
        if key.endswith("/TXT") and any(c in v for v in row[1:] for c in '"\\'):
            return "quotation marks and backslashes in TXT are not safe here"
        return None

    def make(self, want: Domain, key: str) -> Listed:
        """OctoDNS' classes make a zone with its first records."""
        del key
        return Listed(want.name, f"{want.name}.")

    def requests(self) -> Mapping[str, int]:
        """Nothing counts what octoDNS' classes send."""
        return {}
