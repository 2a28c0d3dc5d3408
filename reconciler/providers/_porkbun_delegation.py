"""
DS records and glue at Porkbun.

Sources: the vendor's reference (API 3.7 to 3.9) and its clients. ``getDnssecRecords``
answers ``records`` by key tag (an empty list where there are none), and a deletion
takes the key tag alone: registries remove whatever matches. ``getGlue`` answers
``hosts`` as pairs of a name and its ``v4`` and ``v6`` addresses; a host is written by
the part of its name before the domain, with ``ips``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from pydantic import JsonValue

from reconciler.errors import Rejected
from reconciler.kinds.domain import Dnssec, Domain, Glue
from reconciler.kinds.domain.dnssec import ds_text
from reconciler.model import Receipt
from reconciler.providers import _delegation
from reconciler.providers._delegation import Ds, Looks, Step
from reconciler.providers._detail import Details
from reconciler.providers._http import Http, Reply
from reconciler.providers._porkbun_words import mapping


class Delegations(Looks):
    """What one account's registrations have at their registries."""

    def __init__(self, http: Http, details: Details) -> None:
        super().__init__(details)
        self._http = http

    def seen(
        self, want: Domain, raw: Mapping[str, Any], hosts: frozenset[str] | None
    ) -> dict[str, Any]:
        """Return what *want* needs; nothing where its hosts are not known."""
        return {} if hosts is None else super().seen(want, raw, hosts)

    def _ds(self, name: str) -> JsonValue:
        records = self._read("getDnssecRecords", f"/dns/getDnssecRecords/{name}").get(
            "records"
        )
        if not isinstance(records, dict):
            if records == []:
                return []
            raise Rejected("getDnssecRecords: the answer has no records")
        rows = map(mapping, records.values())
        found = (
            ds_text(row["keyTag"], row["alg"], row["digestType"], row["digest"])
            for row in rows
        )
        return [*sorted(found)]

    def _glue(self, name: str) -> JsonValue:
        hosts = self._read("getGlue", f"/domain/getGlue/{name}").get("hosts")
        if not isinstance(hosts, list):
            raise Rejected("getGlue: the answer has no list of hosts")
        found: dict[str, JsonValue] = {}
        for host, ips in hosts:
            said = mapping(ips)
            both = [*(said.get("v4") or ()), *(said.get("v6") or ())]
            found[str(host).lower()] = [*_delegation.addresses(both)]
        return found

    def _read(self, operation: str, path: str) -> Mapping[str, Any]:
        reply = self._http.call("GET", path, operation=operation, effect=False)
        return mapping(reply.data)

    # -- apply -----------------------------------------------------------------

    def set_ds(self, want: Domain, change: Dnssec) -> Receipt:
        """Add what is missing, then remove what is too many."""
        name = want.name
        add, remove = _delegation.ds_steps(change, self.ds(name))
        calls = [partial(self._create, name, one) for one in add]
        calls += [partial(self._delete, name, one) for one in remove]
        return _receipt("ds", want, _delegation.in_turn(calls))

    def _create(self, name: str, one: Ds) -> Reply:
        body = {
            "keyTag": str(one.key_tag),
            "alg": str(one.algorithm),
            "digestType": str(one.kind),
            "digest": one.digest,
        }
        path = f"/dns/createDnssecRecord/{name}"
        return self._effect("createDnssecRecord", path, body)

    def _delete(self, name: str, one: Ds) -> Reply:
        path = f"/dns/deleteDnssecRecord/{name}/{one.key_tag}"
        return self._effect("deleteDnssecRecord", path)

    def set_glue(self, want: Domain, change: Glue) -> Receipt:
        """Write and remove the hosts that *change* names."""
        steps = _delegation.glue_steps(change, self.glue(want.name))
        calls = [partial(self._host, want.name, step) for step in steps]
        return _receipt("glue", want, _delegation.in_turn(calls))

    def _host(self, name: str, step: Step) -> Reply:
        own = step.host.removesuffix(f".{name}")
        if step.after is None:
            return self._effect("deleteGlue", f"/domain/deleteGlue/{name}/{own}")
        verb = "createGlue" if step.before is None else "updateGlue"
        return self._effect(
            verb, f"/domain/{verb}/{name}/{own}", {"ips": [*step.after]}
        )

    def _effect(
        self, operation: str, path: str, body: Mapping[str, Any] | None = None
    ) -> Reply:
        return self._http.call(
            "POST", path, operation=operation, effect=True, json=body or {}
        )


def _receipt(verb: str, want: Domain, sent: list[Reply]) -> Receipt:
    return Receipt(
        reference=f"{verb}/{want.name}",
        request_id=sent[-1].request_id if sent else None,
        details={"requests": len(sent)},
    )
