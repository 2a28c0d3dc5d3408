"""What holds for every estate, every day of the calendar and every word written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from reconciler.engine import document, dumps
from reconciler.model import Money, Risk
from reconciler.sandbox import Fault
from reconciler.sandbox.example import Oddity
from tests.support.agency import Agency, domain, inventory
from tests.support.shell import at

BOUNDED = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
BY_ITSELF = {"by-hand", "auto-renew"}


def day(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@st.composite
def estates(draw):
    """Return documents and oddities of up to five names at two registrars."""
    documents, oddities = [], {}
    for number in range(draw(st.integers(1, 5))):
        name = f"d{number}.example"
        mode = draw(st.sampled_from(["registrar", "reconciler", "manual"]))
        most = draw(st.sampled_from([None, "5.00", "11.08", "15.00"]))
        ceiling = f", maxPrice: {most} USD/year" if most else ""
        protected = draw(st.sampled_from(["", ", protected: true"]))
        spec = f"renewal: {{mode: {mode}{ceiling}}}{protected}"
        account = draw(st.sampled_from(["porkbun-main", "namecom-main"]))
        documents.append(domain(name, account, spec=spec))
        registration = {
            "expires": draw(st.sampled_from([1, 2, 9, 20, 29, 41, 200])),
            "autoRenew": draw(st.booleans()),
            "autoRenewFails": draw(st.booleans()),
            "locked": draw(st.booleans()),
            "price": draw(st.sampled_from(["4.99 USD", "11.08 USD", "14.99 USD"])),
        }
        oddities[name] = Oddity(registration)
    return documents, oddities


DUE = (
    [
        domain(
            "d0.example",
            account,
            spec="renewal: {mode: reconciler, maxPrice: 15.00 USD/year}",
        )
        for account in ("porkbun-main",)
    ],
    {"d0.example": Oddity({"expires": 1, "locked": False})},
)


@contextmanager
def begun(estate, start):
    """Yield an agency that begins at *start*."""
    documents, oddities = estate
    files = inventory(*documents)
    with tempfile.TemporaryDirectory() as tmp:
        agency = Agency(Path(tmp), files, oddities, remote=False)
        agency.clock.set(start, frozen=True)
        with agency:
            yield agency


@BOUNDED
@given(estates(), st.datetimes(datetime(2026, 1, 1), datetime(2029, 12, 31)))
@example(DUE, datetime(2028, 2, 28, 23, 59, 59))  # the day before a leap day
@example(DUE, datetime(2028, 2, 29))
@example(DUE, datetime(2027, 2, 28, 0, 0, 1))
@example(DUE, datetime(2027, 3, 28, 1, 30))  # clocks go forward in Europe
@example(DUE, datetime(2027, 10, 31, 1, 30))  # and back
@example(DUE, datetime(2027, 1, 31, 12))  # month end
@example(DUE, datetime(2026, 12, 31, 23, 59, 59))  # year end
def test_apply_does_what_was_allowed_once_and_then_nothing(estate, start):
    with begun(estate, start.replace(tzinfo=UTC)) as agency:
        names = registered(agency)
        result = agency.apply()
        allowed = {(a.want.name, a.change.verb): a for a in result.plan.allowed()}

        done = {(d.action.want.name, d.action.change.verb) for d in result.done}
        assert done == set(allowed)
        own = [
            e for e in agency.sandbox.ledger.effects() if e.operation not in BY_ITSELF
        ]
        assert {e.name for e in own} <= {name for name, _ in allowed}
        assert len(own) == sum(d.status == "applied" for d in result.done)
        for effect in own:
            if effect.kind == "charge":
                ceiling = allowed[effect.name, "renew"].ceiling
                assert ceiling
                assert Money.model_validate(effect.amount) <= ceiling
        assert registered(agency) == names  # nothing was deleted, protected or not

        refused = {d.action.id for d in result.done if d.status == "failed"}
        assert {a.id for a in agency.plan().allowed()} <= refused
        again = agency.apply()
        assert {d.action.id for d in again.done} <= refused
        mine = Counter(e.name for e in agency.charges() if e.operation == "renew")
        assert set(mine.values()) <= {1}


def registered(agency):
    return {
        name
        for vendor in ("porkbun", "namecom")
        for name in agency.sandbox.bench(vendor).state["accounts"][0]["domains"]
    }


@BOUNDED
@given(estates(), st.randoms(use_true_random=False), st.integers(1, 4))
def test_the_plan_does_not_depend_on_files_nor_their_order(estate, random, files):
    """Places aside, which are where things are written."""
    documents, _ = estate
    with begun(estate, day("2026-11-22T06:00:00")) as agency:
        before = without_places(agency.plan())
        shuffled = random.sample(documents, len(documents))
        (agency.root / "inventory" / "domains.yaml").unlink()
        for number in range(files):
            part = inventory(*shuffled[number::files])["inventory/domains.yaml"]
            agency.write(f"inventory/{random.random()}/{files - number}.yaml", part)
        assert without_places(agency.plan()) == before


def without_places(plan):
    data = document(plan)
    for one in (*data["actions"], *data["findings"]):
        del one["source"]
    return dumps(data)


def test_the_plan_is_the_same_bytes_whatever_the_hash_seed(tmp_path):
    names = [domain(f"{word}.example") for word in ("one", "two", "three", "four")]
    due = "renewal: {mode: reconciler, maxPrice: 15.00 USD/year}"
    names += [domain(f"due-{n}.example", "namecom-main", spec=due) for n in range(3)]
    oddities = {
        f"{word}.example": Oddity(
            {"autoRenew": False, "locked": False, "privacy": False}
        )
        for word in ("one", "two", "three", "four")
    } | {f"due-{n}.example": Oddity({"expires": 20 + n}) for n in range(3)}
    with Agency(tmp_path, inventory(*names), oddities) as agency:
        shown = {planned_with_seed(agency, seed) for seed in ("0", "1", "4711")}
    (text,) = shown
    data = json.loads(text)
    assert data["as_of"] == "2026-12-01T00:00:00Z"
    assert len(data["actions"]) == 7


def planned_with_seed(agency, seed):
    argv = [sys.executable, "-m", "reconciler.cli", "-C", str(agency.root), "plan"]
    done = subprocess.run(
        [*argv, "--format", "json", "--as-of", "2026-12-01"],
        env=os.environ | agency.environ() | {"PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


# -- no secret in any byte -------------------------------------------------------

#: What the sandbox takes as credentials; AWS' are not looked at, so they are ours.
SECRETS = {
    "porkbun-api-key": "pk1_sandbox",
    "porkbun-secret-api-key": "sk1_sandbox",
    "namecom-token": "sandbox-namecom-token",
    "aws-access-key-id": "AKIACANARYCANARY0001",
    "aws-secret-access-key": "canary/aws/secret/access/key",
}
#: Far behind what may be shown of a vendor's words.
BEYOND = "canary-behind-the-cut"


def talkative(agency):
    """Let every vendor refuse, and repeat its credentials while it does."""
    for vendor, operation, status in (
        ("porkbun", "renew", 400),
        ("porkbun", "updateAutoRenew", 500),
        ("namecom", "renew", 400),
        ("namecom", "listOrders", 400),
        ("aws", "ChangeResourceRecordSets", 400),
    ):
        own = [value for name, value in SECRETS.items() if name.startswith(vendor)]
        text = " ".join(own) + " x" * 200 + BEYOND
        fault = {"kind": "status", "status": status, "text": text, "times": 0}
        agency.sandbox.inject(Fault(vendor=vendor, operation=operation, **fault))


def test_no_secret_is_in_any_byte_that_was_written(tmp_path):
    due = "renewal: {mode: reconciler, maxPrice: 15.00 USD/year}"
    zone = "dns: {targets: [aws], records: [{name: www, type: A, value: 192.0.2.1}]}"
    files = inventory(
        domain("due.example", spec=due),
        domain("flag.example"),
        domain("nc.example", "namecom-main", spec=due),
        domain("zone.example", "namecom-main", spec=zone),
    )
    oddities = {
        "due.example": Oddity({"expires": 20}),
        "nc.example": Oddity({"expires": 20}),
        "flag.example": Oddity({"autoRenew": False}),
        "zone.example": Oddity({}, {"www/A": None}),
    }
    with Agency(tmp_path, files, oddities) as agency:
        for name, value in SECRETS.items():
            (agency.root / ".sandbox" / "secrets" / name).write_text(value)
        talkative(agency)
        written = run_everything(agency, tmp_path)
        agency.sandbox.faults.clear()
        fault = Fault(vendor="porkbun", operation="*", kind="status", status=403)
        said = {"text": SECRETS["porkbun-secret-api-key"], "times": 0}
        agency.sandbox.inject(fault.model_copy(update=said))
        written += run_everything(agency, tmp_path)
        written += everything_in_git(agency.root) + everything_in_git(agency.remote)
        for path in (agency.root / ".git" / "reconciler").rglob("*"):
            written += path.read_bytes()
    for canary in (*SECRETS.values(), BEYOND):
        place = written.find(canary.encode())
        assert place < 0, (canary, written[max(0, place - 300) : place + 100])
    assert b"answer 400" in written  # the vendors did say it
    assert b"they said [redacted]" in written  # and so did the person who settled
    assert b"flag.example" in written


def run_everything(agency, tmp_path):
    """Run what a day has, loudly; return all that was printed and put into files."""
    out = tmp_path / "out.json"
    told = f"they said {SECRETS['porkbun-secret-api-key']}"
    printed = ""
    for argv in (
        ("validate",),
        ("-v", "plan", "--out", out),
        ("-v", "plan", "--format", "json"),
        ("observe", "--out", tmp_path / "seen.json"),
        ("-v", "apply", "--auto-approve"),
        ("apply", "--format", "json"),
        ("audit", "log"),
        ("audit", "log", "--format", "jsonl"),
        ("audit", "log", "--format", "csv"),
        ("audit", "verify"),
        ("lock", "status"),
    ):
        done = at(agency, *argv)
        assert "E000" not in done.err, done.err
        printed += done.out + done.err
    for identity in agency.project().store.read().open:
        done = at(agency, "settle", identity, "--happened", "--evidence", told)
        printed += done.out + done.err
        shown = at(agency, "audit", "show", identity)
        assert "they said" in shown.out
        printed += shown.out + shown.err
    files = out.read_text() + (tmp_path / "seen.json").read_text()
    return (printed + files).encode()


def everything_in_git(repository):
    """Return every object there is, reachable or not, but for the checked-out files."""
    return subprocess.run(
        ["git", "-C", str(repository), "cat-file", "--batch-all-objects", "--batch"],
        check=True,
        capture_output=True,
    ).stdout


def test_money_is_the_only_risk_that_has_a_ceiling_to_keep():
    """
    The law above looks at charges through `renew`; what else spends has its own.

    `restore` has it in test_delegation.py: never by itself, once, and never above.
    What customers pay (`charge`, `capture`) has it in test_paying_simulated.py, what
    grows (`grow-volume`) in test_servers.py.
    """
    from reconciler.kinds import kinds

    spending = [
        change.model_fields["verb"].default
        for kind in kinds().values()
        for change in kind.changes
        if change.usual_risk is Risk.MONEY
    ]
    assert spending == ["renew", "restore", "grow-volume", "charge", "capture"]
