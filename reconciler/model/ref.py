"""How resources name each other."""

from __future__ import annotations

from typing import Any, NamedTuple


class Ref(NamedTuple):
    """A resource's address: its kind and what it is called."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


#: The keyword by which schemas say that a text names a resource of a kind; with a list
#: of kinds, that it is ``Kind/name``.
NAMES_OF = "x-names-of"


class To(NamedTuple):
    """
    Marks a field that names another resource: ``Annotated[str, To("Provider")]``.

    Attributes:
        kind: The kind the name is of; empty where the text is ``Kind/name``.
        edge: Whether the reference orders actions (False for ``fundedBy`` and its
            like, which are only checked for existence).
        besides: Words the field accepts that are no names (``none``).
        kinds: What ``Kind/name`` may be of.
    """

    kind: str
    edge: bool = True
    besides: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    def named(self, text: str) -> Ref | None:
        """Return what *text* names; None where it names nothing."""
        if text in self.besides:
            return None
        if self.kind:
            return Ref(self.kind, text)
        kind, slash, name = text.partition("/")
        return Ref(kind, name) if slash and name and kind in self.kinds else None

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        """Tell the kind in the schema, so that an editor can offer its names."""
        found: dict[str, Any] = handler(core)
        if not self.kind:
            form = f"^({'|'.join(self.kinds)})/.+$"
            return {**found, "pattern": form, NAMES_OF: list(self.kinds)}
        found = {**found, NAMES_OF: self.kind}
        if self.besides:
            found[f"{NAMES_OF}-besides"] = list(self.besides)
        return found


class Naming(NamedTuple):
    """
    Where another resource names this one.

    Attributes:
        ref: Who names it.
        field: The field of its spec that does, as in ``spec.payment.primary``.
    """

    ref: Ref
    field: str
