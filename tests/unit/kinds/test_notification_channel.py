"""Channels: what they take, when they are quiet, what validate says of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reconciler.inventory import WorkTree, load
from reconciler.kinds.notification_channel import EVENTS, NotificationChannel
from reconciler.model import SecretRef, Severity
from tests.support.shell import shell
from tests.unit.notify.world import channel

HEAD = "apiVersion: reconciler/v1\n"


@pytest.mark.parametrize(
    ("tls", "port", "wanted"),
    [
        ("starttls", None, 587),
        ("tls", None, 465),
        ("none", None, 25),
        ("tls", 2465, 2465),
    ],
)
def test_ports_are_the_usual_ones(tls, port, wanted):
    smtp = {
        "host": "127.0.0.1",
        "tls": tls,
        "port": port,
        "from": "a@agency.example",
        "to": ["b@agency.example", {"env": "OPS"}],
    }
    made = channel(type="smtp", webhook=None, smtp=smtp)
    assert made.spec.smtp.to_port == wanted
    assert made.spec.smtp.to == ("b@agency.example", SecretRef(env="OPS"))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_without_tls_to_this_machine(host):
    smtp = {"host": host, "tls": "none", "from": "a@b.example", "to": [{"env": "X"}]}
    assert channel(type="smtp", webhook=None, smtp=smtp).spec.smtp.host == host


def test_everything_is_told_from_warnings_on():
    made = channel()
    assert made.spec.events == EVENTS
    assert made.wants("held", Severity.WARNING)
    assert made.wants("incident", Severity.CRITICAL)
    assert not made.wants("held", Severity.INFO)
    assert not made.wants("test", Severity.CRITICAL)
    assert not channel(events=[]).wants("held", Severity.CRITICAL)
    assert not channel(minSeverity="error").wants("held", Severity.WARNING)


@pytest.mark.parametrize(
    ("hours", "zone", "now", "quiet"),
    [
        (None, "UTC", 3, False),
        ("21:00-08:00", "UTC", 20, False),
        ("21:00-08:00", "UTC", 21, True),
        ("21:00-08:00", "UTC", 3, True),
        ("21:00-08:00", "UTC", 8, False),
        ("12:00-13:00", "UTC", 12, True),
        ("12:00-13:00", "UTC", 13, False),
        ("21:00-08:00", "America/New_York", 3, True),
        ("21:00-08:00", "America/New_York", 13, False),
    ],
)
def test_quiet_hours(hours, zone, now, quiet):
    made = channel(quietHours=hours, timeZone=zone)
    assert made.quiet(datetime(2026, 11, 22, now, tzinfo=UTC)) is quiet


def write(root, text):
    (root / "inventory").mkdir()
    (root / "inventory" / "channels.yaml").write_text(HEAD + text)
    return root


PULSE = "NotificationChannel/pulse: {type: heartbeat, heartbeat: {url: {env: X}}}\n"


def test_a_heartbeat_carries_nothing_for_others(tmp_path):
    hook = "{type: webhook, webhook: {url: {env: X}}, fallback: pulse}"
    done = shell(
        "-C", write(tmp_path, f"{PULSE}NotificationChannel/hook: {hook}\n"), "validate"
    )
    assert done.code == 1
    assert done.out.startswith(
        "inventory/channels.yaml:3:79: E620 NotificationChannel/hook: spec.fallback: "
        "NotificationChannel/pulse is a heartbeat"
    ), done.out


def test_an_address_in_git_is_a_warning(tmp_path):
    mail = (
        "NotificationChannel/mail:\n  type: smtp\n"
        "  smtp: {host: mail.example, from: a@b.example, to: [{env: X}, ops@b.example]}\n"
    )
    done = shell("-C", write(tmp_path, mail), "validate")
    assert done.code == 0
    assert "inventory/channels.yaml:4:" in done.out
    assert "W-address-in-plain-text" in done.out
    assert "spec.smtp.to[1]" in done.out
    assert "ops@b.example" not in done.out


def test_defaults_reach_channels(tmp_path):
    write(
        tmp_path, "NotificationChannel/a: {type: webhook, webhook: {url: {env: X}}}\n"
    )
    (tmp_path / "inventory" / "_defaults.yaml").write_text(
        HEAD + "NotificationChannel: {minSeverity: critical}\n"
    )
    (made,) = load(WorkTree(tmp_path)).of("NotificationChannel")
    assert isinstance(made, NotificationChannel)
    assert made.spec.min_severity is Severity.CRITICAL


MAIL = "smtp: {host: mail.example, from: a@b.example}"
LETTERS = f"type: smtp, audience: customers, contact: Agency, {MAIL}"
HOOK = "NotificationChannel/hook: {type: webhook, webhook: {url: {env: X}}}\n"


def test_customers_are_told_by_one_channel_first(tmp_path):
    text = (
        f"NotificationChannel/a: {{{LETTERS}}}\nNotificationChannel/b: {{{LETTERS}}}\n"
    )
    done = shell("-C", write(tmp_path, text), "validate")
    assert done.code == 1
    assert "inventory/channels.yaml:3:" in done.out
    assert "E622 NotificationChannel/b: spec.audience: NotificationChannel/a" in (
        done.out
    )


def test_a_fallback_has_the_same_audience(tmp_path):
    text = f"{HOOK}NotificationChannel/a: {{{LETTERS}, fallback: hook}}\n"
    done = shell("-C", write(tmp_path, text), "validate")
    assert done.code == 1
    assert "E620 NotificationChannel/a: spec.fallback: NotificationChannel/hook" in (
        done.out
    )


def test_a_channel_to_customers_and_its_fallback(tmp_path):
    twilio = (
        f"twilio: {{account: AC{'0a' * 16}, from: Agency, "
        "credentials: {username: {env: X}, password: {env: Y}}}"
    )
    phone = f"type: twilio, audience: customers, contact: Agency, {twilio}"
    text = (
        f"NotificationChannel/a: {{{LETTERS}, fallback: b}}\n"
        f"NotificationChannel/b: {{{phone}}}\n"
    )
    done = shell("-C", write(tmp_path, text), "validate")
    assert done.code == 0, done.out


def test_what_is_for_customers_tells_the_team_nothing():
    made = channel(
        type="smtp",
        webhook=None,
        audience="customers",
        contact="Agency",
        smtp={"host": "m.example", "from": "a@b.example"},
    )
    assert not made.wants("incident", Severity.CRITICAL)
    assert made.to_customers
    assert not channel().to_customers


CUSTOMER = "Customer/acme: {legalName: A, country: NL, payment: {collect: invoice}%s}\n"
PAYS = (
    "Subscription/acme: {customer: acme, since: 2026-12-04, price: 10.00 EUR/year, "
    "covers: [Domain/acme.example]}\n"
    "Domain/acme.example: {provider: none, lifecycle: observe}\n"
)


@pytest.mark.parametrize(
    ("contacts", "channels", "said"),
    [
        ("", "", "is written to by no channel with audience: customers"),
        ("", f"NotificationChannel/a: {{{LETTERS}}}\n", "has no contacts.billing"),
        (
            ", contacts: {phone: {env: P}}",
            f"NotificationChannel/a: {{{LETTERS}}}\n",
            "has no contacts.billing",
        ),
        (
            ", contacts: {billing: {env: P}}",
            f"NotificationChannel/a: {{{LETTERS}}}\n",
            None,
        ),
    ],
)
def test_a_customer_whom_nothing_reaches_is_a_warning(
    tmp_path, contacts, channels, said
):
    text = CUSTOMER % contacts + PAYS + channels
    done = shell("-C", write(tmp_path, text), "validate")
    assert ("W-customer-unheard" in done.out) is (said is not None), done.out
    if said:
        assert said in done.out
        assert "inventory/channels.yaml:2:" in done.out
