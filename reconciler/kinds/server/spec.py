"""What YAML says of a machine."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from reconciler.model import Price, Size, Spec, To
from reconciler.model.windows import MaintenanceWindow

#: What the disk is called that a machine starts from.
ROOT: Final = "root"
#: The vendor's word for a size, as in ``cx32``, ``s-2vcpu-4gb`` or ``t3.small``.
SizeName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
_VOLUME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


class SizeRange(Spec):
    """
    The sizes a machine may have.

    Attributes:
        min: The smallest one, as ``sizes`` has it.
        max: The largest one.
    """

    min: SizeName
    max: SizeName

    @model_validator(mode="after")
    def _two(self) -> Self:
        if self.min == self.max:
            raise ValueError("min and max name the same size: write size: NAME")
        return self


class ServerSpec(Spec):
    """
    Where a machine is, how large it is, and who measures it.

    A machine is never made nor deleted from here.

    Attributes:
        provider: The account at the cloud that has it.
        machine: Its id or its name there; the name of this document if left out.
        region: Where it is; needed where the cloud lists its regions one by one.
        size: The size it has, or the range of sizes it may have.
        sizes: All sizes that are thought of, from the smallest to the largest.
        disk: How large the disk is that it starts from; it only ever grows.
        volumes: How large its other disks are, by name; they only ever grow.
        irreversible: ``disk``: a larger size brings its larger disk, after which no
            smaller size fits any more. Without it a resize can be taken back.
        panel: The server of accounts that runs on it, which measures it too.
        metrics: Who else measures it.
        max_price: The most that it may cost, with its disks.
        windows: When it may be stopped for a moment; left out: at any time.
        scaling: By which policy it moves between the sizes of its range.
        patching: By which policy what is installed on it is kept up to date.
    """

    provider: Annotated[str, To("Provider")]
    machine: Annotated[str, Field(pattern=r"^\S(.{0,126}\S)?$")] | None = None
    region: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,31}$")] | None = None
    size: SizeName | SizeRange
    sizes: Annotated[tuple[SizeName, ...], Field(max_length=32)] = ()
    disk: Size | None = None
    volumes: dict[Annotated[str, Field(pattern=_VOLUME)], Size] = {}
    irreversible: tuple[Literal["disk"], ...] = ()
    panel: Annotated[str, To("Provider")] | None = None
    metrics: Annotated[str, To("Provider")] | None = None
    max_price: Price | None = None
    windows: tuple[MaintenanceWindow, ...] = ()
    scaling: Annotated[str, To("ScalingPolicy")] | None = None
    patching: Annotated[str, To("PatchPolicy")] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.sizes)) != len(self.sizes):
            raise ValueError("sizes names the same one twice")
        if isinstance(self.size, SizeRange) and not self.sizes:
            raise ValueError(
                "a range needs sizes: all of them, from the smallest to the largest"
            )
        if ROOT in self.volumes:
            raise ValueError(f"a volume is not called {ROOT}: write disk")
        if len(set(self.irreversible)) != len(self.irreversible):
            raise ValueError("irreversible names the same effect twice")
        return self

    @property
    def ladder(self) -> tuple[str, ...]:
        """The sizes it may have, from the smallest; empty where they contradict."""
        if not isinstance(self.size, SizeRange):
            return (self.size,)
        if not {self.size.min, self.size.max} <= set(self.sizes):
            return ()
        first, last = map(self.sizes.index, (self.size.min, self.size.max))
        return self.sizes[first : last + 1]
