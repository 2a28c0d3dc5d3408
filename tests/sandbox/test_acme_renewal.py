"""Renewal information, replacements and revocation against RFC 9773 and RFC 8555, 7.6."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from reconciler.errors import ReconcilerError
from reconciler.sandbox.acme_renewal import name_of, serial_of
from tests.support.acme_client import AcmeClient, Said, b64, request
from tests.support.acme_world import WHERE, AcmeWorld


@pytest.fixture
def world() -> AcmeWorld:
    return AcmeWorld()


@pytest.fixture
def ann(world: AcmeWorld) -> AcmeClient:
    return world.account()


def identity(leaf: x509.Certificate) -> str:
    """RFC 9773, 4.1, from the certificate alone."""
    by = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    serial = leaf.serial_number
    assert by.key_identifier is not None
    return f"{b64(by.key_identifier)}.{b64(serial.to_bytes(serial.bit_length() // 8 + 1, 'big'))}"


def information(ann: AcmeClient, leaf: x509.Certificate) -> Said:
    return ann.get(f"{ann.directory['renewalInfo']}/{identity(leaf)}")


def window(said: Said) -> tuple[datetime, datetime]:
    return tuple(
        datetime.fromisoformat(said["suggestedWindow"][k]) for k in ("start", "end")
    )


def revoked(ann: AcmeClient, leaf: x509.Certificate, **more: Any) -> Said:
    data = {"certificate": b64(leaf.public_bytes(Encoding.DER)), **more}
    return ann.post(ann.directory["revokeCert"], data)


class TestRenewalInformation:
    def test_the_name_of_a_certificate(self) -> None:
        """The example of RFC 9773, 4.1: the leading zero is part of it."""
        assert serial_of("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE") == f"{0x87654321:036x}"
        key = bytes.fromhex("69885b6b87464041e1b37b847ba0ae2cde01c8d4")
        assert name_of(key, 0x87654321) == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"

    @pytest.mark.parametrize("head", [1, 4, 127, 128, 255])
    def test_the_name_that_is_shown_is_that_of_the_certificate(self, head: int) -> None:
        world = AcmeWorld(main={"serialHead": head})
        ann = world.account()
        leaf = ann.obtain(world.records, "a.example")
        assert world.look("certificates")[0]["id"] == identity(leaf)
        assert information(ann, leaf).status == 200

    @pytest.mark.parametrize(
        ("profile", "start", "end"),
        [
            # A third of the life is left (half below ten days), one hundredth each way.
            ("classic", "2027-01-20T10:23:59Z", "2027-01-22T05:35:59Z"),
            ("tlsserver", "2026-12-21T21:11:59Z", "2026-12-22T18:47:59Z"),
            ("shortlived", "2026-11-25T14:23:59Z", "2026-11-25T17:35:59Z"),
        ],
    )
    def test_the_window_is_let_s_encrypts(
        self, world: AcmeWorld, ann: AcmeClient, profile: str, start: str, end: str
    ) -> None:
        leaf = ann.obtain(world.records, "a.example", profile=profile)
        said = information(ann, leaf)
        assert (said.status, said.headers["retry-after"]) == (200, "21600")
        assert said["suggestedWindow"] == {"start": start, "end": end}

    def test_of_what_is_not_there(self, world: AcmeWorld, ann: AcmeClient) -> None:
        leaf = ann.obtain(world.records, "a.example")
        base, (key, serial) = ann.directory["renewalInfo"], identity(leaf).split(".")
        for path, status in (
            (f"{key}.{b64(b'nobody')}", 404),
            (f"{b64(b'stranger')}.{serial}", 404),
            (f"{key}.{serial}=", 400),
            (key, 400),
            ("", 400),
        ):
            assert ann.get(f"{base}/{path}").problem == (status, "malformed")

    def test_it_can_be_set(self, world: AcmeWorld, ann: AcmeClient) -> None:
        """Start, end and explanation; for one certificate, or all."""
        a, b = (ann.obtain(world.records, name) for name in ("a.example", "b.example"))
        usual = dict(information(ann, b))
        start, end = "2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z"
        world.edit(
            "renewal",
            name="a.example",
            start=start,
            end=end,
            explanation="https://x.test",
        )
        said = information(ann, a)
        assert said["suggestedWindow"] == {"start": start, "end": end}
        assert said["explanationURL"] == "https://x.test"
        assert dict(information(ann, b)) == usual
        world.edit("renewal", now=True)
        assert window(information(ann, b))[1] < world.clock()
        world.edit("renewal", usual=True)
        assert dict(information(ann, b)) == usual
        with pytest.raises(ReconcilerError, match="no certificate"):
            world.edit("renewal", name="nobody.example", now=True)

    @pytest.mark.parametrize(
        "answer",
        [{}, {"suggestedWindow": {}}, {"suggestedWindow": {"start": "soon", "end": 3}}],
    )
    def test_it_can_be_nonsense(
        self, world: AcmeWorld, ann: AcmeClient, answer: Any
    ) -> None:
        leaf = ann.obtain(world.records, "a.example")
        world.edit("renewal", answer=answer)
        assert dict(information(ann, leaf)) == answer
        assert ann.order("a.example", replaces=identity(leaf)).status == 201


class TestReplacements:
    def test_an_order_says_what_it_replaces(
        self, world: AcmeWorld, ann: AcmeClient
    ) -> None:
        """RFC 9773, 5: shown in the order; one name in common is enough."""
        old = ann.obtain(world.records, "a.example", "b.example")
        order = ann.order("b.example", "c.example", replaces=identity(old))
        assert (order.status, order["replaces"]) == (201, identity(old))
        ann.prove(order, world.records)
        ann.finalize(order, request(["b.example", "c.example"]))
        assert ann.post(order.headers["location"])["status"] == "valid"
        first, second = world.look("certificates")
        assert (first["replacedBy"], second["replacedBy"]) == ("2", None)
        assert world.effects("issue")[1].details["replaces"] == identity(old)

    def test_only_once(self, world: AcmeWorld, ann: AcmeClient) -> None:
        """409 alreadyReplaced; again without ``replaces`` it is an order as any other."""
        old = ann.obtain(world.records, "a.example")
        ann.obtain(world.records, "a.example", replaces=identity(old))
        found = ann.order("a.example", replaces=identity(old))
        assert found.problem == (409, "alreadyReplaced")
        assert ann.order("a.example").status == 201

    def test_an_open_order_counts_until_it_is_over(
        self, world: AcmeWorld, ann: AcmeClient
    ) -> None:
        """Boulder: pending and ready count; what failed or expired does not."""
        old = ann.obtain(world.records, "a.example", profile="tlsserver")
        new = {"replaces": identity(old), "profile": "shortlived"}
        first = ann.order("a.example", **new)
        assert ann.order("a.example", **new).problem == (409, "alreadyReplaced")
        ann.post(ann.pick(ann.authorizations(first)[0], "http-01")["url"], {})
        second = ann.order("a.example", **new)
        assert second.status == 201
        world.later(hours=9)
        assert ann.order("a.example", **new).status == 201

    def test_whose_and_which(self, world: AcmeWorld, ann: AcmeClient) -> None:
        old = ann.obtain(world.records, "*.shop.example")
        bob = world.account()
        found = bob.order("*.shop.example", replaces=identity(old))
        assert found.problem == (403, "unauthorized")
        assert ann.order("a.example", replaces=identity(old)).problem == (
            400,
            "malformed",
        )
        assert ann.order("www.shop.example", replaces=identity(old)).status == 201
        unknown = f"{identity(old).partition('.')[0]}.{b64(b'nobody')}"
        assert ann.order("a.example", replaces=unknown).problem == (404, "malformed")
        assert ann.order("a.example", replaces="x").problem == (400, "malformed")


class TestRevocation:
    def listed(self, ann: AcmeClient, leaf: x509.Certificate) -> Any:
        points = leaf.extensions.get_extension_for_class(
            x509.CRLDistributionPoints
        ).value
        answer = ann.get(points[0].full_name[0].value)
        assert answer.headers["content-type"] == "application/pkix-crl"
        crl = x509.load_der_x509_crl(answer.body)
        issuer = x509.load_der_x509_certificate(ann.get(f"{WHERE}/main/issuer").body)
        assert crl.is_signature_valid(issuer.public_key())
        return crl.get_revoked_certificate_by_serial_number(leaf.serial_number)

    def test_by_the_account(self, world: AcmeWorld, ann: AcmeClient) -> None:
        """RFC 8555, 7.6: 200; in the CRL that the leaf names; ARI is in the past."""
        leaf = ann.obtain(world.records, "a.example")
        assert self.listed(ann, leaf) is None
        assert revoked(ann, leaf, reason=4).status == 200
        found = self.listed(ann, leaf)
        reason = found.extensions.get_extension_for_class(x509.CRLReason).value
        assert reason.reason == x509.ReasonFlags.superseded
        start, end = window(information(ann, leaf))
        assert (end - start).total_seconds() == 1800
        assert (world.clock() - start).total_seconds() == 3600
        assert revoked(ann, leaf).problem == (400, "alreadyRevoked")
        assert [e.name for e in world.effects("revoke")] == ["a.example"]

    def test_by_the_certificates_key(self, world: AcmeWorld, ann: AcmeClient) -> None:
        """Then the reason is that the key is compromised, whatever was said."""
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = ann.obtain(world.records, "a.example", key=key)
        data = {"certificate": b64(leaf.public_bytes(Encoding.DER)), "reason": 4}
        finder = world.client(key=ec.generate_private_key(ec.SECP256R1()))
        url = finder.directory["revokeCert"]
        assert finder.post(url, data, embedded=True).problem == (403, "unauthorized")
        finder.key = key
        assert finder.post(url, data, embedded=True).status == 200
        assert world.look("certificates")[0]["revoked"]["reason"] == 1

    def test_by_whoever_controls_the_names(
        self, world: AcmeWorld, ann: AcmeClient
    ) -> None:
        leaf = ann.obtain(world.records, "a.example", "b.example")
        bob = world.account()
        assert revoked(bob, leaf).problem == (403, "unauthorized")
        world.records.clear()
        bob.prove(bob.order("a.example", "b.example"), world.records)
        assert revoked(bob, leaf).status == 200

    @pytest.mark.parametrize("reason", [2, 6, 7, 9, 11, "1", True])
    def test_reasons_that_nobody_gives(
        self, world: AcmeWorld, ann: AcmeClient, reason: Any
    ) -> None:
        leaf = ann.obtain(world.records, "a.example")
        assert revoked(ann, leaf, reason=reason).problem == (400, "badRevocationReason")

    def test_what_is_no_certificate_of_ours(
        self, world: AcmeWorld, ann: AcmeClient
    ) -> None:
        other = AcmeWorld()
        foreign = other.account().obtain(other.records, "a.example")
        assert revoked(ann, foreign).problem == (404, "malformed")
        url = ann.directory["revokeCert"]
        assert ann.post(url, {"certificate": "AAAA"}).problem == (400, "malformed")
        leaf = ann.obtain(world.records, "a.example", profile="shortlived")
        world.later(days=8)
        assert revoked(ann, leaf).problem == (403, "unauthorized")

    def test_many_at_once_by_the_authority(
        self, world: AcmeWorld, ann: AcmeClient
    ) -> None:
        """A mass revocation: in the list, and ARI says why; what has ended is left."""
        old = ann.obtain(world.records, "old.example", profile="shortlived")
        world.later(days=7)
        leaves = [ann.obtain(world.records, f"n{n}.example") for n in range(3)]
        world.edit("revoke", name="n0.example", reason=1)
        world.edit("revoke", explanation="https://incident.test/1")
        assert all(self.listed(ann, leaf) is not None for leaf in leaves)
        assert self.listed(ann, old) is None
        said = [information(ann, leaf).get("explanationURL") for leaf in leaves]
        assert said == [None, "https://incident.test/1", "https://incident.test/1"]
        assert len(world.effects("revoke")) == 3
