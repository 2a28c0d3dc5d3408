"""
What an authority finds in the DNS before it signs: CAA records and DNSSEC.

Sources: RFC 8659 (CAA), RFC 4035 (bogus), the CA/Browser Forum's baseline requirements
(3.2.2.8: CAA, 3.2.2.8.1: DNSSEC is validated for it). Only the facts are kept; whether
they allow the issuers of a certificate is judged by its kind, so that another issuer is
judged by the same look.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import JsonValue

from reconciler.errors import ProviderError
from reconciler.kinds.certificate import Certificate, IssuingState, Rules, hindered
from reconciler.model import Account, Change, Observation, Witness
from reconciler.providers._caa import in_force
from reconciler.providers._looks import Habits, Looks
from reconciler.providers._names import Names
from reconciler.providers._network import Network
from reconciler.providers._signatures import bogus


class PublicIssuing(Witness[Certificate]):
    """The DNS of names that are to be signed, as authorities see it."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._names = Names(account, Network(account))
        habits = Habits("issuing", IssuingState, _mark, in_trouble=_in_trouble)
        self._looks = Looks(account, account.endpoint or "", habits)

    def __repr__(self) -> str:
        return f"PublicIssuing({self._account.name})"

    def observe(self, wants: Sequence[Certificate]) -> Observation:
        """Report what is in force for the names of each certificate, once a day."""
        return self._looks.observe(wants, self._look)

    def touched(self, want: Certificate, change: Change | None) -> None:
        """Look again after a change that the DNS may have refused; see ``Witness``."""
        if change is None or change.verb in {"issue", "renew"}:
            self._looks.forget(want)

    def _look(self, want: Certificate) -> IssuingState:
        rules: dict[str, Rules] = {}
        unknown: dict[str, str] = {}
        zones: dict[str, str | None] = {}
        failed: ProviderError | None = None
        kept: dict[str, tuple[str, ...]] = {}
        for name in want.spec.names:
            try:
                force = in_force(self._names, name, kept)
                self._signed(name.removeprefix("*."), zones)
            except ProviderError as error:
                unknown[name], failed = error.what, error
            else:
                rules[name] = Rules(at=force.at, rows=force.rows)
        if failed is not None and not rules:
            raise failed
        return IssuingState(
            seen=self._account.clock(),
            hindered=hindered(want, rules),
            rules=rules,
            bogus={zone: why for zone, why in zones.items() if why is not None},
            unknown=unknown,
        )

    def _signed(self, name: str, zones: dict[str, str | None]) -> None:
        zone = self._names.zone(name)
        if zone not in zones:
            zones[zone] = bogus(self._names, zone, self._account.clock())


def _mark(want: Certificate) -> JsonValue:
    return [*want.spec.names]


def _in_trouble(state: IssuingState) -> bool:
    return state.hindered or bool(state.bogus or state.unknown)


DRIVER = PublicIssuing
