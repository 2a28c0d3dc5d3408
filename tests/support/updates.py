"""WordPress sites on a panel, and what is done to them, for tests of updates."""

from __future__ import annotations

from typing import Any

from reconciler.kinds.hosting_account import HostingAccount
from reconciler.model import FieldChange, Share
from reconciler.model.updates import UPDATES, Patch, RollBack

SITE = "a.example"
WORDPRESS: dict[str, Any] = {
    "version": "6.4.1",
    "offers": ["6.4.2", "6.5"],
    "plugins": {
        "shop": {"version": "1.0.0", "latest": "1.1.0"},
        "forms": {"version": "1.9", "latest": "2.0"},
        "paid": {"version": "3.0", "latest": "3.1", "refuses": True},
        "calm": {"version": "5.0"},
    },
    "themes": {"plain": {"version": "2.0", "latest": "2.1"}},
}


def hosted(name: str = SITE, **spec: Any) -> HostingAccount:
    whole = {"provider": "main", "plan": "care-5", "patching": "careful", **spec}
    return HostingAccount.model_validate({"metadata": {"name": name}, "spec": whole})


def change(
    name: str = "plugin/shop",
    was: str = "1.0.0",
    to: str = "1.1.0",
    site: str = SITE,
    kind: type[Patch | RollBack] = Patch,
) -> Any:
    return kind(
        share=Share("main", UPDATES),
        fields=(FieldChange(field=f"spec.patching {name}", before=was, after=to),),
        because="a test",
        generation="once",
        details={"id": name, "site": site, "sort": "minor", "from": was, "to": to},
    )


BACK = change(was="1.0.0", to="0.9.0", kind=RollBack)
