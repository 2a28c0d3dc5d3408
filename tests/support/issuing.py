"""Certificates ordered over ACME: a key, an account, records, and a line that breaks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Any

from cryptography import x509

from reconciler.errors import Rejected
from reconciler.kinds.certificate import Certificate
from reconciler.kinds.certificate.changes import Issue, Renew
from reconciler.model import (
    ISSUANCE,
    Account,
    Authority,
    Drawer,
    Makings,
    Place,
    Receipt,
    Share,
)
from reconciler.model.driver import Answered, Sent
from reconciler.providers._certificate import key_pem, new_key
from reconciler.providers.acme_issuance import AcmeIssuance
from reconciler.sandbox import Fault
from tests.support.acme_world import AcmeWorld
from tests.support.contract import MemoryCache

BASE = "http://127.0.0.1:14000"
NAME = "shop.example"
#: How far a key store's versions go.
Step = Callable[[str], None]


@cache
def account_key(number: int = 0) -> str:
    """Return a private key, the same for the same number."""
    del number
    return key_pem(new_key("ecdsa-p256")).decode()


def want(
    name: str = NAME,
    names: Sequence[str] = (),
    issuers: Sequence[str] = ("main",),
    recorded: Mapping[str, Any] | None = None,
    places: Sequence[str] = (),
    **spec: Any,
) -> Certificate:
    whole = {
        "names": list(names or (name, f"*.{name}")),
        "issuers": list(issuers),
        "key": {"store": {"file": "keys"}},
        **spec,
    }
    made = Certificate.model_validate({"metadata": {"name": name}, "spec": whole})
    found = Makings(
        authorities=tuple(Authority(name=one) for one in issuers),
        places=tuple(
            Place(target=f"Provider/{one}", provider=one, family="install")
            for one in places
        ),
    )
    return made.joined(lambda: found).recalling(lambda: recorded or {})


def issue(one: Certificate, **details: Any) -> Issue:
    return Issue(share=_share(one), fields=(), because="", details=_about(one, details))


def renew(one: Certificate, **details: Any) -> Renew:
    return Renew(share=_share(one), fields=(), because="", details=_about(one, details))


def _share(one: Certificate) -> Share:
    return Share(one.spec.issuers[0], ISSUANCE)


def _about(one: Certificate, more: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "issuer": one.spec.issuers[0],
        "names": list(one.spec.names),
        "algorithm": one.spec.key.algorithm,
        **more,
    }


class Keys:
    """A key store that compares versions, as all of them do."""

    def __init__(self, step: Step = lambda _: None) -> None:
        self.drawers: dict[str, Drawer] = {}
        self.puts = 0
        self._step = step
        self._lock = threading.Lock()

    def open(self, one: Any) -> Drawer:
        return self.drawers.get(one.name, Drawer())

    def put(self, one: Any, drawer: Drawer) -> Drawer:
        self._step("before put")
        with self._lock:
            if drawer.version != self.open(one).version:
                raise Rejected("another run put something")
            self.puts += 1
            kept = drawer._replace(version=str(self.puts))
            self.drawers[one.name] = kept
        self._step("after put")
        return kept

    def leaf(self, name: str = NAME) -> x509.Certificate:
        current = self.drawers[name].current
        assert current is not None
        return x509.load_pem_x509_certificates(current.chain)[0]


class Shown:
    """Records that are there at once; ``fails`` says why some cannot be."""

    def __init__(self, records: dict[str, list[str]]) -> None:
        self.records = records
        self.fails: dict[str, str] = {}
        self.calls: list[tuple[str, dict[str, frozenset[str]]]] = []

    def present(self, texts: Mapping[str, frozenset[str]]) -> Mapping[str, str]:
        self.calls.append(("present", dict(texts)))
        for name, values in texts.items():
            if name not in self.fails:
                self.records.setdefault(name, []).extend(values)
        return {name: why for name, why in self.fails.items() if name in texts}

    def remove(self, texts: Mapping[str, frozenset[str]]) -> Mapping[str, str]:
        self.calls.append(("remove", dict(texts)))
        for name, values in texts.items():
            left = [v for v in self.records.get(name, []) if v not in values]
            self.records[name] = left
        return {}

    def present_files(self, accounts: Any, files: Mapping[str, str]) -> str | None:
        self.calls.append(("files", {}))
        return self.fails.get("files")

    def remove_files(self, accounts: Any, files: Mapping[str, str]) -> None:
        self.calls.append(("no files", {}))


class Ca(AcmeWorld):
    """An authority, an account with it, and everything around the driver."""

    def __init__(self, **authorities: dict[str, Any]) -> None:
        super().__init__(**authorities)
        self.keys = Keys()
        self.shown = Shown(self.records)
        self.cache = MemoryCache()
        self.slept: list[float] = []
        self.asked: list[str] = []
        self.broken: Callable[[Sent], str | None] = lambda _: None
        self._drivers: list[AcmeIssuance] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(timedelta(seconds=seconds))

    def wire(self, sent: Sent) -> Answered:
        """Carry a request, unless ``broken`` says: before, after or off."""
        self.asked.append(sent.url)
        how = self.broken(sent)
        if how == "off":
            raise ConnectionRefusedError
        if how == "before":
            raise ConnectionResetError
        answer = self.way(sent)
        if how == "after":
            raise ConnectionResetError
        return answer

    def directory(self, authority: str = "main") -> str:
        return f"{BASE}/{authority}/directory"

    def account(self, authority: str = "main", **more: Any) -> Account:  # type: ignore[override]
        secrets = {"accountKey": account_key(), **more.pop("secrets", {})}
        return Account(
            authority,
            self.directory(authority),
            None,
            secrets,
            self.clock,
            self.sleep,
            self.cache,
            wire=self.wire,
            keys=self.keys,
            challenges=self.shown,
            **more,
        )

    def driver(self, authority: str = "main", **more: Any) -> AcmeIssuance:
        made = AcmeIssuance(self.account(authority, **more))
        self._drivers.append(made)
        return made

    def issued(self, authority: str = "main") -> int:
        return len(
            [e for e in self.effects("issue") if e.details["authority"] == authority]
        )

    def orders(self, authority: str = "main") -> int:
        return len(self.bench.state["authorities"][authority]["orders"])

    def fault(self, operation: str, kind: Any, times: int = 1, **more: Any) -> None:
        self.bench.faults.add(
            Fault(vendor="acme", operation=operation, kind=kind, times=times, **more)
        )


def ordered(
    driver: AcmeIssuance, *wants: Certificate, **details: Any
) -> list[Receipt | Exception]:
    """Order all of *wants* at once."""
    return driver.apply_all([(one, issue(one, **details), "key") for one in wants])


def got(driver: AcmeIssuance, one: Certificate, **details: Any) -> Receipt:
    """Order one, which must come."""
    (found,) = ordered(driver, one, **details)
    assert isinstance(found, Receipt), found
    return found
