"""What can be done about a certificate; each of the three states has its own verb."""

from __future__ import annotations

from typing import ClassVar, Final, Literal

from reconciler.model import Change, Risk

#: What an Install of something that is only issued in the same run is about.
NEXT: Final = "next"


class CertificateChange(Change):
    """Something about a certificate: it follows from time, or from what is kept."""

    usually_merges: ClassVar[bool] = False


class Issue(CertificateChange):
    """
    Have it signed: a new one, or one with other names.

    ``details``: ``issuer``, ``rehearse`` (at the staging directory first), ``names``,
    ``algorithm``, ``profile`` (a list), ``replaces`` (the ARI identifier), ``loses``
    (names that the old one had).
    """

    verb: Literal["issue"] = "issue"

    @property
    def risk(self) -> Risk:
        """To lose a name is to break it for its visitors."""
        return Risk.SECURITY if self.details.get("loses") else Risk.NONE


class Renew(CertificateChange):
    """Have the same signed again; ``details`` as of Issue."""

    verb: Literal["renew"] = "renew"


class Install(CertificateChange):
    """
    Put what is kept where it has to be served from.

    ``details``: ``mark`` of the place, ``fingerprint`` (or ``next``: what is issued
    right before), ``names``.
    """

    verb: Literal["install"] = "install"


class Reload(CertificateChange):
    """
    Make a place serve what is installed there; ``details`` as of Install.

    It follows from what visitors saw: they look again right before.
    """

    witnessed: ClassVar[bool] = True
    verb: Literal["reload"] = "reload"


class Check(CertificateChange):
    """Have the place renew what it renews itself; ``details``: ``mark``."""

    verb: Literal["check"] = "check"


#: Why an installation is no success: the place put it at another site.
MISPLACED: Final = "misplaced"
Changes = Issue | Renew | Install | Reload | Check
