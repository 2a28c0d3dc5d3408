"""
DNSSEC keys, glue and transfers away at Gandi.

Source: the vendor's reference (``dnskeys``, ``hosts``, ``transferout``). Gandi takes
public keys and makes the DS itself; hosts are named without the domain, the domain
itself is ``@``. A transfer is declined with the name's own transfer code, which is read
for that request alone and never kept or shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from pydantic import JsonValue

from reconciler.errors import Ambiguous, ProviderError, Rejected
from reconciler.kinds.domain import BlockTransfer, Dnssec, Domain, Glue
from reconciler.kinds.domain.dnssec import alike, ds_text
from reconciler.providers import _delegation
from reconciler.providers._answers import mapping
from reconciler.providers._delegation import Looks, Step
from reconciler.providers._detail import Details
from reconciler.providers._gandi import Gandi, Page, at
from reconciler.providers._http import Reply
from reconciler.providers._said import shown

#: Flags of a key that signs keys (RFC 4034, 2.1.1: the SEP bit).
_SIGNS_KEYS: Final = 257
_LOOKS, _PAUSE = 6, 5.0


class Delegations(Looks):
    """What one organization's registrations have at their registries."""

    def __init__(
        self, api: Gandi, details: Details, sleep: Callable[[float], None]
    ) -> None:
        super().__init__(details)
        self._api = api
        self._sleep = sleep

    def _ds(self, name: str) -> JsonValue:
        return [*sorted(self._ids(name))]

    def _ids(self, name: str) -> dict[str, str]:
        """Return the vendor's id of every DS."""
        return {
            ds_text(
                row["keytag"], row["algorithm"], row["digest_type"], row["digest"]
            ): str(row["id"])
            for row in self._all("listKeys", at(name, "dnskeys"))
        }

    def _glue(self, name: str) -> JsonValue:
        found: dict[str, JsonValue] = {}
        for row in self._all("listHosts", at(name, "hosts")):
            label = str(row["name"]).lower()
            host = name if label == "@" else f"{label}.{name}"
            found[host] = [*_delegation.addresses(row["ips"])]
        return found

    def _all(self, operation: str, path: str) -> Iterator[Mapping[str, Any]]:
        page: Page | None = (1, 0)
        while page is not None:
            listed, page, _ = self._api.page(operation, path, page, {})
            yield from listed

    # -- apply -----------------------------------------------------------------

    def set_ds(self, want: Domain, change: Dnssec) -> list[Reply]:
        """Add the keys that are missing, see them there, then remove the others."""
        name, live = want.name, self._ids(want.name)
        there, wanted = set(map(_key, live)), set(map(_key, change.wanted))
        bodies = [
            _body(change, ds) for ds in sorted(change.wanted) if _key(ds) not in there
        ]
        old = [live[ds] for ds in sorted(live) if _key(ds) not in wanted]
        calls: list[Callable[[], Reply | None]] = [
            partial(self._api.effect, "POST", at(name, "dnskeys"), "createKey", body)
            for body in bodies
        ]
        if bodies and old:
            both = frozenset(live) | change.wanted
            calls.append(partial(self._there, name, both))
        calls += [
            partial(self._api.effect, "DELETE", at(name, f"dnskeys/{key}"), "deleteKey")
            for key in old
        ]
        return [reply for reply in _delegation.in_turn(calls) if reply is not None]

    def _there(self, name: str, wanted: frozenset[str]) -> None:
        for look in range(_LOOKS):
            if look:
                self._sleep(_PAUSE)
            try:
                if alike(self.ds(name), wanted):
                    return
            except ProviderError:
                continue
        raise Ambiguous("a key was accepted and does not show yet; none was removed")

    def set_glue(self, want: Domain, change: Glue) -> list[Reply]:
        """Write and remove the hosts that *change* names."""
        steps = _delegation.glue_steps(change, self.glue(want.name))
        return _delegation.in_turn(partial(self._host, want.name, s) for s in steps)

    def _host(self, name: str, step: Step) -> Reply:
        label = step.host.removesuffix(f".{name}")
        one = at(name, f"hosts/{label}")
        if step.after is None:
            return self._api.effect("DELETE", one, "deleteHost")
        ips = {"ips": [*step.after]}
        if step.before is not None:
            return self._api.effect("PUT", one, "updateHost", ips)
        new = {"name": label, **ips}
        return self._api.effect("POST", at(name, "hosts"), "createHost", new)

    def block(self, want: Domain, change: BlockTransfer) -> Reply:
        """Decline a transfer to another registrar."""
        said = mapping(self._api.get("getDomain", at(want.name)))
        if change.generation not in said["status"]:
            raise Rejected("it is not being transferred any more")
        code = str(said["authinfo"])
        body = {"accept": False, "authinfo": code}
        try:
            path = at(want.name, "transferout")
            return self._api.effect("POST", path, "transferout", body)
        except ProviderError as error:
            what = shown(error.what, [code])
            raise type(error)(what, request_id=error.request_id) from None


def _key(ds: str) -> tuple[str, str]:
    key_tag, algorithm = ds.split()[:2]
    return key_tag, algorithm


def _body(change: Dnssec, ds: str) -> dict[str, Any]:
    """Return the key that a DS stands for, as it was seen at the nameservers."""
    keys = change.details.get("keys")
    key = keys.get(ds) if isinstance(keys, dict) else None
    if not isinstance(key, str):
        raise Rejected(f"the key of the DS {ds.split(maxsplit=1)[0]} was not seen")
    flags, _, algorithm, public = key.split(maxsplit=3)
    return {
        "algorithm": int(algorithm),
        "type": "ksk" if int(flags) == _SIGNS_KEYS else "zsk",
        "public_key": public.replace(" ", ""),
    }
