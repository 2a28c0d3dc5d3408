"""
DS records and glue ("vanity nameservers") at name.com.

Source: the vendor's own specification (OpenAPI 3.1, version 1.7.0). A DS is removed by
its digest. A host is created by the part of its name before the domain, answered by its
whole name, and a listing may leave its addresses out (so the API of before did).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from pydantic import JsonValue

from reconciler.errors import Rejected
from reconciler.kinds.domain import Dnssec, Domain, Glue
from reconciler.kinds.domain.dnssec import ds_text
from reconciler.model import Receipt
from reconciler.providers import _delegation
from reconciler.providers._delegation import Ds, Looks, Step
from reconciler.providers._detail import Details
from reconciler.providers._http import Http, Reply

_PAGE: Final = 1000
Read = Callable[[str, str, Mapping[str, str | int] | None], Mapping[str, Any]]


class Delegations(Looks):
    """What one account's registrations have at their registries."""

    def __init__(self, http: Http, details: Details, read: Read) -> None:
        super().__init__(details)
        self._http = http
        self._read = read

    def _ds(self, name: str) -> JsonValue:
        rows = self._read("listDNSSECs", f"{_path(name)}/dnssec", None).get("dnssec")
        if not isinstance(rows, list):
            raise Rejected("listDNSSECs: the answer has no list of DS records")
        found = (
            ds_text(row["keyTag"], row["algorithm"], row["digestType"], row["digest"])
            for row in rows
        )
        return [*sorted(found)]

    def _glue(self, name: str) -> JsonValue:
        path = f"{_path(name)}/vanity_nameservers"
        found: dict[str, JsonValue] = {}
        page: int | None = 1
        while page is not None:
            asked: dict[str, str | int] = {"perPage": _PAGE, "page": page}
            data = self._read("listVanityNameservers", path, asked)
            rows = data.get("vanityNameservers")
            if not isinstance(rows, list):
                raise Rejected("listVanityNameservers: the answer has no list of hosts")
            for row in rows:
                host = str(row["hostname"]).lower()
                full = host if host.endswith(f".{name}") else f"{host}.{name}"
                said = row if row.get("ips") else self._one(path, full)
                found[full] = [*_delegation.addresses(said.get("ips") or ())]
            following = data.get("nextPage")
            page = int(following) if following else None
        return found

    def _one(self, path: str, host: str) -> Mapping[str, Any]:
        return self._read("getVanityNameserver", f"{path}/{host}", None)

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
            "domainName": name,
            "keyTag": one.key_tag,
            "algorithm": one.algorithm,
            "digestType": one.kind,
            "digest": one.digest,
        }
        return self._effect("POST", f"{_path(name)}/dnssec", "createDNSSEC", body)

    def _delete(self, name: str, one: Ds) -> Reply:
        path = f"{_path(name)}/dnssec/{one.digest}"
        return self._effect("DELETE", path, "deleteDNSSEC", None)

    def set_glue(self, want: Domain, change: Glue) -> Receipt:
        """Write and remove the hosts that *change* names."""
        steps = _delegation.glue_steps(change, self.glue(want.name))
        calls = [partial(self._host, want.name, step) for step in steps]
        return _receipt("glue", want, _delegation.in_turn(calls))

    def _host(self, name: str, step: Step) -> Reply:
        path = f"{_path(name)}/vanity_nameservers"
        one = f"{path}/{step.host}"
        if step.after is None:
            return self._effect("DELETE", one, "deleteVanityNameserver", None)
        ips = {"ips": [*step.after]}
        if step.before is not None:
            return self._effect("PUT", one, "updateVanityNameserver", ips)
        body = {"hostname": step.host.removesuffix(f".{name}"), **ips}
        return self._effect("POST", path, "createVanityNameserver", body)

    def _effect(
        self, method: str, path: str, operation: str, body: Mapping[str, Any] | None
    ) -> Reply:
        return self._http.call(
            method, path, operation=operation, effect=True, json=body
        )


def _path(name: str) -> str:
    return f"/core/v1/domains/{name}"


def _receipt(verb: str, want: Domain, sent: list[Reply]) -> Receipt:
    return Receipt(
        reference=f"{verb}/{want.name}",
        request_id=sent[-1].request_id if sent else None,
        details={"requests": len(sent)},
    )
