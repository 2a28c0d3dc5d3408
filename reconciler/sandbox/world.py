"""The world a sandbox starts with, as data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from reconciler.errors import ReconcilerError


class World(NamedTuple):
    """
    What every vendor holds at the beginning; each emulator reads its own part.

    In YAML: ``vendors: {porkbun: {accounts: [...]}, ...}``. Times are in days from
    the sandbox's clock at its start, so that a world never grows old.
    """

    vendors: Mapping[str, Mapping[str, Any]]

    @classmethod
    def from_dict(cls, data: object) -> World:
        """Return the world in *data*; raise ReconcilerError if it is none."""
        match data:
            case {"vendors": Mapping() as vendors, **rest} if not rest:
                pass
            case _:
                raise ReconcilerError(
                    "a sandbox world is a mapping with the one key vendors",
                    hint="vendors: {porkbun: {accounts: [...]}}",
                )
        return cls({str(name): part or {} for name, part in vendors.items()})

    @classmethod
    def load(cls, path: Path) -> World:
        """Return the world in a YAML file; raise ReconcilerError if it is none."""
        try:
            data = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ReconcilerError(
                f"{path}: cannot read the sandbox world: {error}"
            ) from error
        return cls.from_dict(data)

    def as_json(self) -> dict[str, Any]:
        """Return the form that ``from_dict`` reads."""
        return {"vendors": {name: dict(part) for name, part in self.vendors.items()}}
