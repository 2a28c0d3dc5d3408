"""Certificates with their private keys, where they are kept, and who proves a name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from pydantic import JsonValue

from reconciler.model.resource import AnyResource


class Material(NamedTuple):
    """
    A certificate and its private key; never printed, never logged.

    Attributes:
        key: The private key, PKCS#8 PEM, unencrypted.
        chain: The certificates, PEM, the leaf first, without the root.
    """

    key: bytes
    chain: bytes

    def __repr__(self) -> str:
        return "Material(...)"


class Drawer(NamedTuple):
    """
    What a key store keeps of one certificate; never printed, never logged.

    Attributes:
        current: What was issued last, whole; None where nothing ever was.
        pending: An order that is under way: JSON, its private key included. It is
            there before the authority is asked, so that no crash loses an order.
        version: What the store compares when it is put back; empty for a new one.
    """

    current: Material | None = None
    pending: Mapping[str, JsonValue] | None = None
    version: str = ""

    def __repr__(self) -> str:
        return f"Drawer({self.version})"


class Keyring(Protocol):
    """The key stores; which one keeps a certificate is said by its document."""

    def open(self, want: AnyResource) -> Drawer:
        """
        Return what is kept of *want*; an empty drawer where nothing is.

        Of a certificate that was bought: what its secrets hold, as ``current``.

        Raises:
            ProviderError: The store cannot be read, or what it has is no material.
        """

    def put(self, want: AnyResource, drawer: Drawer) -> Drawer:
        """
        Keep *drawer*, whole or not at all, and durably; returns it as it is kept.

        Raises:
            Rejected: The store refused, or another run put something since
                ``drawer.version``; nothing was kept.
            Ambiguous: The answer was lost.
        """


class Challenges(Protocol):
    """Who can show an authority that a name is ours."""

    def present(self, texts: Mapping[str, frozenset[str]]) -> Mapping[str, str]:
        """
        Publish TXT values beside what is there, and wait until all servers show them.

        One change for each zone and account, whatever the number of names. A name
        that is an alias is followed to where it leads.

        Args:
            texts: Name (``_acme-challenge.a.example``) -> its values.

        Returns:
            Name -> why it could not be shown, for those that could not.
        """

    def present_files(
        self, accounts: Iterable[str], files: Mapping[str, str]
    ) -> str | None:
        """
        Have the web servers of *accounts* answer for the files of a proof.

        Args:
            accounts: Where the certificate is installed.
            files: What is asked for below ``/.well-known/acme-challenge`` -> its text.

        Returns:
            Why they cannot, if so.
        """

    def remove_files(self, accounts: Iterable[str], files: Mapping[str, str]) -> None:
        """Take the same files away again; never raises."""

    def remove(self, texts: Mapping[str, frozenset[str]]) -> Mapping[str, str]:
        """
        Take the same values away again, and what is left of earlier ones.

        Never raises.

        Returns:
            Name -> why its values could not be taken away.
        """
