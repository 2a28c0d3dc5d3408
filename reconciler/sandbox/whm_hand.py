"""What is done to a WHM server by hand, at its own pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from reconciler.errors import ReconcilerError
from reconciler.sandbox import whm_ssl
from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.whm_seeds import SERVER, HostedSeed, WhmSeed, kept


def edit(bench: Bench, thing: str, data: Mapping[str, Any]) -> None:
    """
    Change an account by hand, as in the panel: ``{user, <field>: value, ...}``.

    ``remove: true`` terminates it; one that is not there is created. What is
    installed at its sites stays where it is not given. ``autossl`` takes the server's
    own settings, ``server`` those of accounts: ``{free, half, lve, packages, php,
    cores}``.

    Raises:
        ReconcilerError: There is no such thing, or no such field.
    """
    if thing == "autossl":
        whm_ssl.edit(bench, data)
        return
    if thing == "server":
        _server(bench, data)
        return
    match thing, dict(data):
        case "account", {"user": str() as user, **fields}:
            pass
        case _:
            raise ReconcilerError("post {user, ...} to account")
    accounts = bench.state["accounts"]
    was = accounts.get(user, {})
    if fields.pop("remove", False):
        accounts.pop(user, None)
    else:
        known = HostedSeed.model_fields
        old = {key: value for key, value in was.items() if key in known}
        try:
            given = HostedSeed.model_validate({**old, **fields})
        except ValidationError as error:
            raise ReconcilerError(f"cannot change an account so: {error}") from error
        made = kept(user, given, bench.clock().timestamp())
        for site, row in was.get("sites", {}).items():
            if site in made["sites"] and site not in given.certificates:
                made["sites"][site] = row
        same = {"made": was.get("made", made["made"])}
        accounts[user] = {**made, **same, "problems": was.get("problems", [])}
    name = str(fields.get("domain") or was.get("domain") or user)
    bench.effect("by-hand", name, **{k: str(v) for k, v in fields.items()})


def _server(bench: Bench, data: Mapping[str, Any]) -> None:
    unknown = sorted(set(data) - set(SERVER))
    if unknown:
        raise ReconcilerError(f"the server has no setting {unknown[0]}")
    old = {name: bench.state[name] for name in SERVER}
    whole = {"hostname": "any", "tokens": [{"user": "any", "token": "any"}]}
    try:
        seed = WhmSeed.model_validate({**whole, **old, **data})
    except ValidationError as error:
        raise ReconcilerError(f"cannot change the server so: {error}") from error
    bench.state.update(seed.model_dump(mode="json", include=set(SERVER)))
