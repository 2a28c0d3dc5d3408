"""What is known to be coming, whether or not anything has to be done yet."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple

By = Literal["auto", "you", "nobody"]


class Due(NamedTuple):
    """
    Something that will need work or money at a time that is already known.

    Attributes:
        cost: What we pay then.
        by: Who sees to it: it happens by itself, a person has to act, or it is wanted
            that nobody does. A kind that does not know leaves it to a person.
        account: The Provider that takes the money, where that is known.
        charge: What a customer pays then.
    """

    at: datetime
    kind: str
    name: str
    what: str
    cost: str | None = None
    by: By = "you"
    account: str | None = None
    charge: str | None = None
