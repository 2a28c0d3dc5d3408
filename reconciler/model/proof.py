"""Whether a backup was restored and verified, before something is lost for good."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, Protocol

from reconciler.model.ref import Ref


class Proof(NamedTuple):
    """
    A backup that was restored, and what came back was right.

    Attributes:
        at: The state that came back is of this moment.
        verified: When it was restored.
        reference: What the receipt is called.
    """

    at: datetime
    verified: datetime
    reference: str


class BackupProof(Protocol):
    """The port that termination, downgrade and patching ask."""

    def __call__(self, ref: Ref, now: datetime) -> Proof | str:
        """Return the proof about all that is kept of *ref*, or why there is none."""


def unproven(ref: Ref, now: datetime) -> Proof | str:
    """Answer no: nothing that is kept of *ref* was ever restored from here."""
    del now
    return f"no backup of {ref} was restored and verified"
