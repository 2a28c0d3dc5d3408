"""The bases of everything that is data."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Frozen(BaseModel):
    """Data that cannot change and that refuses a field nobody declared."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        defer_build=True,  # most of what is imported is never needed in one run
    )


class Spec(Frozen):
    """
    Data an engineer writes in YAML: camelCase there, snake_case here.

    The loader validates with ``by_name=False``, so that only the YAML names are
    accepted in files, while Python code builds specs by their Python names.
    """

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )
    short: ClassVar[str | None] = None
    """The field that a bare text stands for, where one may be written."""
