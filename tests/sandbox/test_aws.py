"""The sandbox's AWS against its API reference, through boto3's model of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import dns.dnssec
import dns.name
import dns.rdata
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.route53.models import route53_backends

from reconciler.errors import ReconcilerError
from reconciler.sandbox import Sandbox, SandboxClock, World
from reconciler.sandbox.aws_zones import memory

PUBLIC_KEY = (
    "mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+"
    "KkxLbxILfDLUT0rAK9iUzy1L53eKGQ=="
)
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
PART = {
    "prices": {"com": "14.00 USD"},
    "unpriced": ["zz"],
    "windows": {"it": 15},
    "domains": {
        "a.com": {"expires": 20, "autoRenew": False, "locked": False},
        "late.com": {"expires": -40, "autoRenew": False},
        "early.it": {"expires": 20},
        "odd.zz": {"expires": 20},
    },
    "zones": [
        {
            "name": "a.example",
            "records": [
                {
                    "Name": "www",
                    "Type": "A",
                    "TTL": 60,
                    "ResourceRecords": [{"Value": "192.0.2.1"}],
                }
            ],
        }
    ],
}
WORLD = World({"aws": PART})


def client(running: Sandbox, service: str, key: str = "sandbox") -> Any:
    return boto3.client(
        service,
        region_name="us-east-1",
        endpoint_url=running.endpoint("aws"),
        aws_access_key_id=key,
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(WORLD, SandboxClock(NOW, frozen=True)) as made:
        yield made


@pytest.fixture(scope="module")
def boto(running: Sandbox) -> Iterator[Any]:
    made = client(running, "route53domains")
    yield made
    made.close()


@pytest.fixture
def api(running: Sandbox, boto: Any) -> Any:
    running.clock.set(NOW, frozen=True)
    running.reset(WORLD)
    return boto


def refused(call: Any, **values: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**values)
    return str(raised.value.response["Error"]["Code"])


def renew(api: Any, **values: Any) -> Any:
    given = {
        "DomainName": "a.com",
        "DurationInYears": 1,
        "CurrentExpiryYear": 2026,
        "Consent": {"MaxPrice": 14.0, "Currency": "USD"},
    }
    return api.renew_domain(**{**given, **values})


def test_the_listing_and_its_pages(api: Any) -> None:
    """What is in redemption is not listed: restored, it "reappears"."""
    first = api.list_domains(MaxItems=2)
    assert [d["DomainName"] for d in first["Domains"]] == ["a.com", "early.it"]
    assert first["Domains"][0]["Expiry"] == NOW + timedelta(days=20)
    second = api.list_domains(MaxItems=2, Marker=first["NextPageMarker"])
    assert [d["DomainName"] for d in second["Domains"]] == ["odd.zz"]
    assert "NextPageMarker" not in second


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"CurrentExpiryYear": 2025}, "InvalidInput"),
        ({"Consent": {"MaxPrice": 13.99, "Currency": "USD"}}, "InvalidInput"),
        ({"Consent": {"MaxPrice": 99.0, "Currency": "EUR"}}, "InvalidInput"),
        ({"DurationInYears": 10}, "InvalidInput"),
        ({"DomainName": "nobody.com"}, "InvalidInput"),
        ({"DomainName": "late.com"}, "InvalidInput"),
        ({"DomainName": "early.it"}, "TLDRulesViolation"),
        ({"DomainName": "odd.zz"}, "UnsupportedTLD"),
    ],
)
def test_renewals_that_aws_refuses(
    running: Sandbox, api: Any, values: dict[str, Any], code: str
) -> None:
    assert refused(lambda **v: renew(api, **v), **values) == code
    assert running.charges() == []


def test_a_renewal_ends_when_its_time_has_come(running: Sandbox, api: Any) -> None:
    running.edit("aws", "operations", {"delay": 60})
    operation = renew(api)["OperationId"]
    assert api.get_operation_detail(OperationId=operation)["Status"] == "IN_PROGRESS"
    assert refused(lambda **v: renew(api, **v)) == "DuplicateRequest"
    assert running.charges() == []
    running.clock.advance(timedelta(seconds=60))
    assert api.get_operation_detail(OperationId=operation)["Status"] == "SUCCESSFUL"
    assert [e.amount for e in running.charges()] == ["14.00 USD"]
    assert api.get_domain_detail(DomainName="a.com")["ExpirationDate"].year == 2027
    listed = api.list_operations(SubmittedSince=NOW, Type=["RENEW_DOMAIN"])
    assert [o["OperationId"] for o in listed["Operations"]] == [operation]
    later = api.list_operations(SubmittedSince=NOW + timedelta(seconds=1))
    assert later["Operations"] == []


def test_an_operation_may_fail(running: Sandbox, api: Any) -> None:
    running.edit("aws", "operations", {"outcome": "FAILED"})
    operation = renew(api)["OperationId"]
    assert api.get_operation_detail(OperationId=operation)["Status"] == "FAILED"
    assert running.charges() == []


def test_flags_and_nameservers(api: Any) -> None:
    api.enable_domain_auto_renew(DomainName="a.com")
    api.enable_domain_transfer_lock(DomainName="a.com")
    off = dict.fromkeys(("AdminPrivacy", "RegistrantPrivacy", "TechPrivacy"), False)
    api.update_domain_contact_privacy(DomainName="a.com", **off)
    hosts = [{"Name": "NS1.host.example"}, {"Name": "ns2.host.example"}]
    api.update_domain_nameservers(DomainName="a.com", Nameservers=hosts)
    detail = api.get_domain_detail(DomainName="a.com")
    assert detail["AutoRenew"] is True
    assert detail["StatusList"] == ["clientTransferProhibited"]
    assert detail["RegistrantPrivacy"] is False
    assert [h["Name"] for h in detail["Nameservers"]] == [
        "ns1.host.example",
        "ns2.host.example",
    ]
    api.disable_domain_transfer_lock(DomainName="a.com")
    api.disable_domain_auto_renew(DomainName="a.com")
    again = api.get_domain_detail(DomainName="a.com")
    assert (again["AutoRenew"], again["StatusList"]) == (False, [])
    mixed = {**off, "AdminPrivacy": True}
    change = api.update_domain_contact_privacy
    assert refused(change, DomainName="a.com", **mixed) == "InvalidInput"


def test_ds_records_are_made_from_keys(api: Any) -> None:
    """RFC 4034 (5.4) and RFC 4509 (2.3): the DS that dnspython makes of the key."""
    key = {"Flags": 257, "Algorithm": 13, "PublicKey": PUBLIC_KEY}
    associate = api.associate_delegation_signer_to_domain
    associate(DomainName="a.com", SigningAttributes=key)
    (ds,) = api.get_domain_detail(DomainName="a.com")["DnssecKeys"]
    rdata = dns.rdata.from_text("IN", "DNSKEY", f"257 3 13 {PUBLIC_KEY}")
    made = dns.dnssec.make_ds(dns.name.from_text("a.com"), rdata, "SHA256")
    assert (ds["KeyTag"], ds["Digest"]) == (made.key_tag, made.digest.hex().upper())
    assert (ds["Algorithm"], ds["DigestType"]) == (13, 2)
    assert not {"PublicKey", "Flags"} & ds.keys()
    wrong = {**key, "PublicKey": "!"}
    for bad in (key, wrong):
        given = {"DomainName": "a.com", "SigningAttributes": bad}
        assert refused(associate, **given) == "InvalidInput"
    remove = api.disassociate_delegation_signer_from_domain
    assert refused(remove, DomainName="a.com", Id="nobody") == "InvalidInput"
    remove(DomainName="a.com", Id=ds["Id"])
    assert api.get_domain_detail(DomainName="a.com")["DnssecKeys"] == []


def test_glue_comes_with_the_delegation(api: Any) -> None:
    update = api.update_domain_nameservers
    own = {"Name": "ns1.a.com", "GlueIps": ["192.0.2.1", "2001:db8::1"]}
    update(DomainName="a.com", Nameservers=[own, {"Name": "ns2.host.example"}])
    detail = api.get_domain_detail(DomainName="a.com")
    assert detail["Nameservers"] == [own, {"Name": "ns2.host.example"}]
    for wrong in (
        {"Name": "ns1.a.com"},
        {"Name": "ns1.b.com", "GlueIps": ["192.0.2.1"]},
        {"Name": "ns1.a.com", "GlueIps": ["192.0.2.1", "192.0.2.2"]},
    ):
        given = {"DomainName": "a.com", "Nameservers": [wrong]}
        assert refused(update, **given) == "InvalidInput"


def test_what_is_lost_can_be_bought_back(running: Sandbox, api: Any) -> None:
    (lost,) = api.list_operations(Type=["EXPIRE_DOMAIN"])["Operations"]
    assert (lost["DomainName"], lost["Status"]) == ("late.com", "SUCCESSFUL")
    assert refused(api.get_domain_detail, DomainName="late.com") == "InvalidInput"
    price = api.get_domain_prices(DomainName="late.com")["DomainPrice"]
    assert price["RestorationPrice"] == {"Price": 80.0, "Currency": "USD"}
    low = {"MaxPrice": 79.99, "Currency": "USD"}
    restore = api.restore_domain
    assert refused(restore, DomainName="late.com", Consent=low) == "InvalidInput"
    assert refused(restore, DomainName="a.com") == "InvalidInput"
    enough = {"MaxPrice": 80.0, "Currency": "USD"}
    begun = restore(DomainName="late.com", Consent=enough)["OperationId"]
    ended = api.get_operation_detail(OperationId=begun)
    assert (ended["Type"], ended["Status"]) == ("RESTORE_DOMAIN", "SUCCESSFUL")
    assert "late.com" in [d["DomainName"] for d in api.list_domains()["Domains"]]
    assert [c.amount for c in running.charges()] == ["80.00 USD"]


def test_a_transfer_to_another_account_can_be_cancelled(
    running: Sandbox, api: Any
) -> None:
    running.edit("aws", "domain", {"name": "a.com", "transfer": "account"})
    running.edit("aws", "domain", {"name": "early.it", "transfer": "registrar"})
    leaving = {o["DomainName"]: o for o in api.list_operations()["Operations"]}
    assert leaving["a.com"]["Type"] == "INTERNAL_TRANSFER_OUT_DOMAIN"
    assert leaving["early.it"]["Status"] == "IN_PROGRESS"
    status = api.get_domain_detail(DomainName="early.it")["StatusList"]
    assert "pendingTransfer" in status
    cancel = api.cancel_domain_transfer_to_another_aws_account
    number = cancel(DomainName="a.com")["OperationId"]
    assert refused(api.get_operation_detail, OperationId=number) == "InvalidInput"
    for name in ("a.com", "early.it"):
        assert refused(cancel, DomainName=name) == "InvalidInput"


def test_prices(api: Any) -> None:
    (com,) = api.list_prices(Tld="com")["Prices"]
    assert com["RenewalPrice"] == {"Price": 14.0, "Currency": "USD"}
    own = api.get_domain_prices(DomainName="a.com")["DomainPrice"]
    assert own["RenewalPrice"]["Price"] == 14.0
    assert refused(api.list_prices, Tld="zz") == "UnsupportedTLD"


def test_a_key_it_does_not_know(running: Sandbox) -> None:
    for service, call in (
        ("route53domains", "list_domains"),
        ("route53", "list_hosted_zones"),
    ):
        other = client(running, service, key="OTHER")
        assert refused(getattr(other, call)) == "InvalidClientTokenId"
        other.close()


def test_zones_come_from_the_world_and_survive(tmp_path: Path) -> None:
    new = {
        "Name": "new.a.example.",
        "Type": "TXT",
        "TTL": 60,
        "ResourceRecords": [{"Value": '"t"'}],
    }
    batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": new}]}
    alias = {
        "HostedZoneId": "Z2",
        "DNSName": "d.example.",
        "EvaluateTargetHealth": False,
    }
    with Sandbox(WORLD, SandboxClock(), folder=tmp_path) as first:
        api = client(first, "route53")
        (zone,) = api.list_hosted_zones()["HostedZones"]
        api.change_resource_record_sets(HostedZoneId=zone["Id"], ChangeBatch=batch)
        by_hand = {"Name": "alias", "Type": "A", "AliasTarget": alias}
        first.edit("aws", "record", {"zone": "a.example", "record": by_hand})
        effects = [(e.operation, e.name) for e in first.ledger.effects("aws")]
        api.close()
    assert effects == [
        ("ChangeResourceRecordSets", "a.example"),
        ("by-hand", "a.example"),
    ]
    with Sandbox(WORLD, SandboxClock(), folder=tmp_path) as second:
        api = client(second, "route53")
        (zone,) = api.list_hosted_zones()["HostedZones"]
        sets = api.list_resource_record_sets(HostedZoneId=zone["Id"])
        api.close()
    assert sorted((s["Name"], s["Type"]) for s in sets["ResourceRecordSets"]) == [
        ("a.example.", "NS"),
        ("a.example.", "SOA"),
        ("alias.a.example.", "A"),
        ("new.a.example.", "TXT"),
        ("www.a.example.", "A"),
    ]


def test_what_was_deleted_can_be_made_again(running: Sandbox) -> None:
    """As a proof of a name is; something else comes after it in the zone."""
    running.reset(WORLD)
    proof = {
        "Name": "_acme-challenge.a.example.",
        "Type": "TXT",
        "TTL": 60,
        "ResourceRecords": [{"Value": '"t"'}],
    }
    api = client(running, "route53")
    (zone,) = api.list_hosted_zones()["HostedZones"]
    for action in ("CREATE", "DELETE", "CREATE"):
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": proof}]}
        api.change_resource_record_sets(HostedZoneId=zone["Id"], ChangeBatch=batch)
    again = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": proof}]}
    with pytest.raises(ClientError, match="already exists"):
        api.change_resource_record_sets(HostedZoneId=zone["Id"], ChangeBatch=again)
    api.close()


def test_two_sandboxes_of_one_process_share_no_zone(running: Sandbox) -> None:
    """They are the same account of AWS, and moto has one memory."""
    running.reset(WORLD)
    none = World({"aws": {**PART, "zones": []}})

    def names(sandbox: Sandbox) -> list[str]:
        api = client(sandbox, "route53")
        zones = api.list_hosted_zones()["HostedZones"]
        api.close()
        return [zone["Name"] for zone in zones]

    with Sandbox(none, SandboxClock()) as other:
        bench = other.bench("aws")
        assert (names(running), names(other)) == (["a.example."], [])
        assert memory(bench) in route53_backends
    assert names(running) == ["a.example."]
    assert memory(bench) not in route53_backends


def test_what_cannot_be_changed_by_hand(running: Sandbox) -> None:
    for thing, data in (("operations", {"colour": 1}), ("nothing", {})):
        with pytest.raises(ReconcilerError):
            running.edit("aws", thing, data)


def test_an_operation_it_does_not_have(api: Any) -> None:
    assert refused(api.view_billing) == "UnknownOperationException"
