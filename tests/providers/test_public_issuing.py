"""What authorities find in the DNS, and what is said of it before they are asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Literal

import pytest

from reconciler.kinds.certificate import (
    ISSUING,
    SURFACE,
    Certificate,
    IssuingState,
    Scanned,
    SurfaceState,
)
from reconciler.model import Account, Authority, Makings, Unknown
from reconciler.providers.public_issuing import PublicIssuing
from reconciler.sandbox import Sandbox, World
from tests.support.contract import NOW
from tests.support.public import asked, part, public, running, trouble, zone
from tests.support.witness_contract import WitnessContract

ZONES = {
    "free.example": zone(**{"@/CAA": [], "www/A": ["192.0.2.1"]}),
    "ok.example": zone(
        **{"@/CAA": ['0 issue "letsencrypt.org"'], "deep.www/A": ["192.0.2.1"]}
    ),
    "other.example": zone(**{"@/CAA": ['0 issue "pki.goog"']}),
    "wild.example": zone(**{"@/CAA": ['0 issue "letsencrypt.org"', '0 issuewild ";"']}),
    "method.example": zone(
        **{"@/CAA": ['0 issue "letsencrypt.org; validationmethods=http-01"']}
    ),
    "part.example": zone(
        **{"@/CAA": ['0 issue "pki.goog"'], "a/CAA": ['0 issue "letsencrypt.org"']}
    ),
    "alias.example": zone(**{"@/CAA": [], "www/CNAME": ["x.other.example."]}),
    "bogus.example": zone(**{"@/CAA": []}),
    "sound.example": zone(**{"@/CAA": []}),
}
WORLD = part(
    {name: {"expires": 100} for name in ZONES},
    {**ZONES, "other.example": zone(**{"@/CAA": ['0 issue "pki.goog"'],
                                       "x/CAA": ['0 issue "pki.goog"']})},
    oddities={
        "sound.example": {"signed": "well"},
        "bogus.example": {"signed": "expired"},
    },
)  # fmt: skip
LE = Authority(name="le", caa=("letsencrypt.org",))
GOOGLE = Authority(name="google", caa=("pki.goog",))
INNER = Authority(name="inner")


def want(name: str, *names: str, by: Sequence[Authority] = (LE,)) -> Certificate:
    spec = {
        "names": list(names or (name,)),
        "issuers": [one.name for one in by],
        "key": {"store": {"file": "/keys"}},
    }
    made = Certificate.model_validate({"metadata": {"name": name}, "spec": spec})
    return made.joined(lambda: Makings(authorities=tuple(by)))


class TestPublicIssuing(WitnessContract):
    driver = PublicIssuing
    sandbox: ClassVar[Sandbox]

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def running(cls) -> Iterator[None]:
        with running(WORLD) as cls.sandbox:
            yield

    def start(self) -> Account:
        self.sandbox.clock.set(NOW, frozen=True)
        self.sandbox.reset(World({"public": WORLD}))
        return public(self.sandbox)._replace(limits={"timeoutSeconds": 0.2})

    def wants(self) -> Sequence[Certificate]:
        return [want("free.example"), want("ok.example")]

    def asked(self) -> int:
        return asked(self.sandbox, "dns-")

    def trouble(self, kind: Literal["silence", "refusal"]) -> None:
        known = {"silence": "lost-before", "refusal": "status"}
        trouble(self.sandbox, "dns-*", known[kind])

    def change(self) -> Any:
        return super().change().model_copy(update={"verb": "renew"})


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running(WORLD) as made:
        yield made


@pytest.fixture
def account(sandbox: Sandbox) -> Account:
    sandbox.clock.set(NOW, frozen=True)
    sandbox.reset(World({"public": WORLD}))
    return public(sandbox)._replace(limits={"timeoutSeconds": 1})


def told(account: Account, one: Certificate) -> dict[str, str]:
    """Return what is said: code -> message, of this preflight alone."""
    state = PublicIssuing(account).observe([one]).states[one.name]
    found = one.findings({ISSUING: state}, NOW)
    return {
        f"{f.code} {f.severity}": f.message
        for f in found
        if f.code.startswith(("caa-", "issuing-"))
    }


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("free.example", ("free.example", "*.free.example")),
        ("ok.example", ("ok.example", "*.ok.example", "deep.www.ok.example")),
        ("part.example", ("a.part.example", "b.a.part.example")),
        ("sound.example", ("sound.example",)),
    ],
)
def test_what_is_allowed_is_not_talked_about(
    account: Account, name: str, names: tuple[str, ...]
) -> None:
    assert told(account, want(name, *names)) == {}


def test_the_record_to_add_is_named(account: Account) -> None:
    names = ("other.example", "www.other.example")
    assert told(account, want("other.example", *names)) == {
        "caa-forbids error": "le would refuse other.example and 1 more: they allow "
        'only pki.goog (CAA at other.example); add there: CAA 0 issue "letsencrypt.org"'
    }


def test_a_wildcard_has_records_of_its_own(account: Account) -> None:
    names = ("wild.example", "*.wild.example")
    assert told(account, want("wild.example", *names)) == {
        "caa-forbids error": "le would refuse *.wild.example: they allow nobody (CAA "
        'at wild.example); add there: CAA 0 issuewild "letsencrypt.org"'
    }


def test_how_a_name_is_proven_counts(account: Account) -> None:
    (message,) = told(account, want("method.example")).values()
    assert "it is allowed only by http-01" in message


def test_the_closest_records_count_through_an_alias(account: Account) -> None:
    (message,) = told(account, want("alias.example", "www.alias.example")).values()
    assert "only pki.goog (CAA at www.alias.example)" in message


@pytest.mark.parametrize(
    ("by", "severity"),
    [
        ((LE, GOOGLE), "error"),  # it is asked first, and nobody else takes over
        ((GOOGLE, LE), "warning"),  # it could not take over
        ((INNER, LE), "warning"),  # nobody knows what CAA calls the first
        ((INNER,), None),
    ],
)
def test_it_is_worst_of_who_is_asked_first(
    account: Account, by: Sequence[Authority], severity: str | None
) -> None:
    found = told(account, want("other.example", by=by))
    assert list(found) == ([f"caa-forbids {severity}"] if severity else [])


def test_a_bogus_zone_is_refused_and_said_once(account: Account) -> None:
    one = want("bogus.example", "www.bogus.example")
    found = told(account, one)
    assert list(found) == ["issuing-dnssec-bogus error"]
    assert found["issuing-dnssec-bogus error"].startswith("bogus.example: authorities")
    site = Scanned(name="www.bogus.example", bogus="no signature holds")
    assert told(account, one) == found
    state = PublicIssuing(account).observe([one]).states[one.name]
    have = {ISSUING: state, SURFACE: SurfaceState(seen=NOW, sites=(site,))}
    codes = [f.code for f in one.findings(have, NOW)]
    assert codes.count("dnssec-bogus") == 1
    assert "issuing-dnssec-bogus" not in codes


def test_records_that_cannot_be_read_are_refused_too(
    sandbox: Sandbox, account: Account
) -> None:
    """Of one name of several; where nothing can be read, nothing is known."""
    one = want("ok.example", "ok.example", "nowhere.gone.test")
    (key,) = told(account, one)
    assert key == "issuing-dns-unreadable warning"
    trouble(sandbox, "dns-*", "status")
    state = PublicIssuing(account).observe([want("free.example")]).states
    assert isinstance(state["free.example"], Unknown)


def test_what_stands_in_the_way_is_soon_looked_at_again(
    sandbox: Sandbox, account: Account
) -> None:
    for one, again in ((want("ok.example"), False), (want("other.example"), True)):
        PublicIssuing(account).observe([one])
        before = asked(sandbox, "dns-")
        sandbox.clock.advance(timedelta(minutes=61))
        PublicIssuing(account).observe([one])
        assert (asked(sandbox, "dns-") > before) == again


def test_another_issuer_is_judged_by_the_same_look(
    sandbox: Sandbox, account: Account
) -> None:
    assert told(account, want("ok.example")) == {}
    before = asked(sandbox, "dns-")
    assert list(told(account, want("ok.example", by=(GOOGLE,)))) == [
        "caa-forbids error"
    ]
    assert asked(sandbox, "dns-") == before


def test_only_what_is_ordered_here_is_looked_at() -> None:
    assert ISSUING in want("ok.example").witnesses()
    spec = {"names": ["ok.example"], "mode": "observe"}
    other = Certificate.model_validate({"metadata": {"name": "x"}, "spec": spec})
    assert ISSUING not in other.witnesses()
    assert not want("ok.example").relies_on(ISSUING)
    state = IssuingState(seen=NOW)
    assert told_of(want("ok.example"), state) == []


def told_of(one: Certificate, state: IssuingState) -> list[str]:
    found = one.findings({ISSUING: state}, NOW)
    return [f.code for f in found if f.code.startswith(("caa-", "issuing-"))]
