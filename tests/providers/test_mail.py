"""MTA-STS over real sockets: the record, the policy, and what senders make of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.kinds.domain.mail import MailState
from reconciler.model import Account
from reconciler.providers._mail import mail
from reconciler.providers._names import Names
from reconciler.providers._network import Network
from reconciler.providers._web import Web
from reconciler.sandbox import Sandbox
from tests.support.public import part, public, running, trouble, zone

GOOD = "version: STSv1\nmode: enforce\nmx: mx1.mail.example\nmx: *.b.example\n"
RECORD = ['"v=STSv1; id=20261122"']
POLICIES: dict[str, str | None] = {
    "good.example": f"{GOOD}max_age: 86400\n",
    "testing.example": f"{GOOD.replace('enforce', 'testing')}max_age: 86400\n",
    "stranger.example": f"{GOOD}max_age: 86400\n".replace("mx1.", "mx9."),
    "ageless.example": GOOD,
    "rubbish.example": "<html>welcome</html>",
    "gone.example": None,
    "untrusted.example": f"{GOOD}max_age: 86400\n",
}
NAMES = [
    *POLICIES,
    "nowhere.example",
    "bare.example",
    "twice.example",
    "nomail.example",
]
ADDRESS = {name: f"192.0.2.{n}" for n, name in enumerate(POLICIES, 1)}


def records(name: str) -> dict[str, Any]:
    made: dict[str, list[str]] = {"@/MX": ["10 mx1.mail.example."]}
    if name in ADDRESS:
        made["mta-sts/A"] = [ADDRESS[name]]
    if name != "bare.example":
        made["_mta-sts/TXT"] = RECORD * 1
    if name == "twice.example":
        made["_mta-sts/TXT"] = [*RECORD, '"v=STSv1; id=2"']
    if name == "good.example":
        made["_smtp._tls/TXT"] = ['"v=TLSRPTv1; rua=mailto:tls@good.example"']
    return zone(**made)


WORLD = part(
    {name: {"expires": 100} for name in NAMES},
    {name: records(name) for name in NAMES},
    certificates={
        address: [
            {
                "names": [f"mta-sts.{name}"],
                "days": 60,
                "trusted": name != "untrusted.example",
            }
        ]
        for name, address in ADDRESS.items()
    },
    sites={
        f"mta-sts.{name}": {"files": {"/.well-known/mta-sts.txt": text}}
        for name, text in POLICIES.items()
    },
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running(WORLD) as made:
        yield made


@pytest.fixture
def account(sandbox: Sandbox) -> Account:
    sandbox.faults.clear()
    return public(sandbox)._replace(limits={"timeoutSeconds": 0.5})


def look(account: Account, name: str, *mx: str) -> MailState | None:
    network = Network(account)
    names = Names(account, network)
    hosts = mx or ("10 mx1.mail.example.",)
    return mail(names, Web(account, network, names), name, hosts)


@pytest.mark.parametrize(
    ("name", "sts", "wrong"),
    [
        ("good.example", "enforce", None),
        ("testing.example", "testing", None),
        ("bare.example", "", None),
        ("twice.example", "", "several records"),
        ("stranger.example", "", "not in its policy"),
        ("ageless.example", "", "no max_age"),
        ("rubbish.example", "", "no version or mode"),
        ("gone.example", "", "answers 404"),
        ("untrusted.example", "", "certificate of its policy does not hold"),
        ("nowhere.example", "", "served nowhere"),
    ],
)
def test_a_policy(account: Account, name: str, sts: str, wrong: str | None) -> None:
    state = look(account, name)
    assert state is not None
    assert state.unknown is None
    assert state.sts == sts
    assert (wrong or "") in (state.wrong or "")
    assert (state.wrong is None) is (wrong is None)
    assert state.reports is (name == "good.example")


def test_a_wildcard_is_one_label(account: Account) -> None:
    one = look(account, "good.example", "10 x.b.example.")
    two = look(account, "good.example", "10 x.y.b.example.")
    assert one is not None
    assert two is not None
    assert (one.sts, two.sts) == ("enforce", "")


@pytest.mark.parametrize("mx", [None, (), ("0 .",)])
def test_where_no_mail_comes_in_nothing_is_asked(account: Account, mx: Any) -> None:
    network = Network(account)
    names = Names(account, network)
    assert mail(names, Web(account, network, names), "nomail.example", mx) is None


@pytest.mark.parametrize(
    ("operation", "kind"), [("web-https", "status"), ("dns-TXT", "status")]
)
def test_what_does_not_answer_is_unknown(
    account: Account, sandbox: Sandbox, operation: str, kind: str
) -> None:
    trouble(sandbox, operation, kind, status=503)
    state = look(account, "good.example")
    assert state is not None
    assert state.unknown
    assert not state.sts
