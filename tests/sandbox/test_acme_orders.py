"""Orders, authorizations and certificates against RFC 8555, 7.4 and 7.5, and profiles."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

from reconciler.sandbox.acme_names import registered, trouble
from tests.support.acme_client import AcmeClient, Said, request
from tests.support.acme_world import AcmeWorld

RSA = rsa.generate_private_key(65537, 2048)


@pytest.fixture
def world() -> AcmeWorld:
    return AcmeWorld()


@pytest.fixture
def ann(world: AcmeWorld) -> AcmeClient:
    return world.account()


def ready(world: AcmeWorld, ann: AcmeClient, *names: str, **more: Any) -> Said:
    order = ann.order(*names, **more)
    ann.prove(order, world.records)
    return order


def extension(leaf: x509.Certificate, kind: Any) -> Any:
    return leaf.extensions.get_extension_for_class(kind).value


class TestNewOrder:
    def test_is_created_pending(self, world: AcmeWorld, ann: AcmeClient) -> None:
        """RFC 8555, 7.4: 201 with a Location; one authorization for each name."""
        order = ann.order("www.shop.example", "SHOP.example")
        assert (order.status, order["status"]) == (201, "pending")
        names = [one["value"] for one in order["identifiers"]]
        assert names == ["shop.example", "www.shop.example"]
        assert len(order["authorizations"]) == 2
        assert order["expires"] == "2026-11-29T09:00:00Z"
        shown = ann.post(order.headers["location"])
        assert dict(shown) == dict(order)

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("shop", "at least one dot"),
            ("*.*.example", "more than one wildcard"),
            ("www.*.example", "invalid wildcard"),
            ("w*.shop.example", "invalid wildcard"),
            ("_acme.shop.example", "invalid character"),
            ("bücher.example", "invalid character"),
            ("xn--zz.example", "malformed punycode"),
            ("ab--cd.example", "reserved format"),
            ("192.0.2.1", "IP address"),
            ("shop.example.", "ends in a dot"),
            ("a..example", "two dots in a row"),
            ("https://shop.example", "invalid character"),
            (f"{'a' * 64}.example", "longer than 63"),
            (".".join(["a" * 60] * 5), "longer than 253"),
            ("a.b.c.d.e.f.g.h.i.j.example", "more than 10 labels"),
            ("-a.example", "invalid character"),
        ],
    )
    def test_names_that_are_refused(
        self, ann: AcmeClient, name: str, said: str
    ) -> None:
        """Boulder's policy; Pebble takes a..test and xn--zz."""
        found = ann.order(name)
        assert found.problem == (400, "malformed")
        assert said in found["detail"]

    def test_a_good_a_label_is_a_name(self) -> None:
        assert trouble("xn--bcher-kva.example") == ""

    def test_several_refusals_are_sub_problems(self, ann: AcmeClient) -> None:
        """RFC 8555, 6.7.1."""
        found = ann.order("a..example", "good.example", "*.*.example")
        names = [one["identifier"]["value"] for one in found["subproblems"]]
        assert names == ["*.*.example", "a..example"]

    def test_other_sorts_and_dates_are_refused(self, ann: AcmeClient) -> None:
        url = ann.directory["newOrder"]
        address = [{"type": "ip", "value": "192.0.2.1"}]
        found = ann.post(url, {"identifiers": address})
        assert found.problem == (400, "unsupportedIdentifier")
        for wrong in (
            [],
            [{"type": "dns", "value": ""}],
            [{"type": "dns"}],
            ["x"],
            "x",
        ):
            assert ann.post(url, {"identifiers": wrong}).problem == (400, "malformed")
        dated = ann.order("a.example", notAfter="2027-01-01T00:00:00Z")
        assert dated.problem == (400, "malformed")

    def test_a_name_beside_its_wildcard_is_redundant(self, ann: AcmeClient) -> None:
        """Boulder; the apex is not covered, and goes with it."""
        found = ann.order("*.shop.example", "www.shop.example")
        assert found.problem == (400, "malformed")
        assert "redundant with a wildcard" in found["detail"]
        assert ann.order("*.shop.example", "shop.example").status == 201

    def test_forbidden_names(self) -> None:
        ann = AcmeWorld(main={"forbidden": ["bank.example"]}).account()
        assert ann.order("www.bank.example").problem == (400, "rejectedIdentifier")
        assert ann.order("notbank.example").status == 201

    def test_an_open_order_is_given_again(self, ann: AcmeClient) -> None:
        """Boulder: the same names, account and profile; after that another."""
        first = ann.order("a.example", "b.example").headers["location"]
        assert ann.order("b.example", "a.example").headers["location"] == first
        assert ann.order("a.example").headers["location"] != first
        other = ann.order("a.example", "b.example", profile="tlsserver")
        assert other.headers["location"] != first

    def test_another_account_does_not_see_it(
        self, world: AcmeWorld, ann: AcmeClient
    ) -> None:
        order = ann.order("a.example")
        bob = world.account()
        assert bob.post(order.headers["location"]).problem == (404, "malformed")
        assert bob.post(order["authorizations"][0]).problem == (403, "unauthorized")
        assert bob.finalize(order, request(["a.example"])).problem == (404, "malformed")
        assert bob.order("a.example").headers["location"] != order.headers["location"]

    def test_it_expires(self, world: AcmeWorld, ann: AcmeClient) -> None:
        order = ann.order("a.example", profile="tlsserver")
        assert order["expires"] == "2026-11-22T17:00:00Z"
        world.later(hours=8)
        assert ann.post(order.headers["location"])["status"] == "invalid"
        found = ann.finalize(order, request(["a.example"]))
        assert found.problem == (403, "orderNotReady")

    def test_members_it_does_not_know(self) -> None:
        """A server without ARI may ignore ``replaces``, or refuse the order."""
        quiet, strict = (
            {"renewalInfo": False},
            {"renewalInfo": False, "refusesUnknown": True},
        )
        world = AcmeWorld(quiet=quiet, strict=strict)
        assert world.account("quiet").order("a.example", replaces="a.b").status == 201
        found = world.account("strict").order("a.example", replaces="a.b")
        assert found.problem == (400, "malformed")
        assert (
            world.account("strict").order("a.example", profile="classic").status == 201
        )


class TestAuthorizations:
    def test_challenges_of_a_name_and_of_a_wildcard(self, ann: AcmeClient) -> None:
        """RFC 8555, 7.1.4: a wildcard's identifier has no ``*.``, and is DNS only."""
        plain, star = ann.authorizations(ann.order("shop.example", "*.x.example"))[::-1]
        assert {one["type"] for one in plain["challenges"]} == {"http-01", "dns-01"}
        assert "wildcard" not in plain
        assert star["identifier"] == {"type": "dns", "value": "x.example"}
        assert star["wildcard"] is True
        assert [one["type"] for one in star["challenges"]] == ["dns-01"]
        (token,) = {one["token"] for one in star["challenges"]}
        assert len(token) == 43  # 256 bits; at least 128 (RFC 8555, 8.3)

    def test_valid_ones_serve_further_orders(
        self, world: AcmeWorld, ann: AcmeClient
    ) -> None:
        """Let's Encrypt: 30 days with classic."""
        order = ready(world, ann, "a.example")
        assert ann.post(order.headers["location"])["status"] == "ready"
        second = ann.order("a.example", "b.example")
        assert order["authorizations"][0] in second["authorizations"]
        world.later(days=29, hours=4)  # less than an eighth of an order's life is left
        third = ann.order("a.example", "c.example")
        assert order["authorizations"][0] not in third["authorizations"]
        world.later(days=1)
        assert ann.authorizations(order)[0]["status"] == "expired"

    def test_not_for_another_profile_or_account(
        self, world: AcmeWorld, ann: AcmeClient
    ) -> None:
        order = ready(world, ann, "a.example")
        for other in (
            ann.order("a.example", profile="tlsserver"),
            world.account().order("a.example"),
        ):
            assert other["authorizations"] != order["authorizations"]

    def test_not_where_reuse_is_off(self) -> None:
        world = AcmeWorld(main={"reuseAuthorizations": False})
        ann = world.account()
        ann.obtain(world.records, "a.example")
        assert ann.order("a.example")["status"] == "pending"

    def test_one_can_be_given_up(self, world: AcmeWorld, ann: AcmeClient) -> None:
        """RFC 8555, 7.5.2; the order is invalid then."""
        order = ready(world, ann, "a.example")
        (url,) = order["authorizations"]
        assert ann.post(url, {"status": "valid"}).problem == (400, "malformed")
        assert ann.post(url, {"status": "deactivated"})["status"] == "deactivated"
        assert ann.post(order.headers["location"])["status"] == "invalid"
        assert ann.post(url, {"status": "deactivated"}).problem == (400, "malformed")

    def test_a_failed_challenge_ends_the_order(
        self, world: AcmeWorld, ann: AcmeClient
    ) -> None:
        """RFC 8555, 7.1.6: the authorization shows the one that failed, with why."""
        order = ann.order("a.example")
        challenge = ann.pick(ann.authorizations(order)[0])
        assert ann.post(challenge["url"], {})["status"] == "processing"
        failed = ann.authorizations(order)[0]
        assert failed["status"] == "invalid"
        (shown,) = failed["challenges"]
        assert shown["error"]["type"] == "urn:ietf:params:acme:error:unauthorized"
        assert shown["validated"] == "2026-11-22T09:00:00Z"
        assert ann.post(order.headers["location"])["status"] == "invalid"
        assert ann.order("a.example").headers["location"] != order.headers["location"]

    def test_a_challenge_is_looked_at_once(
        self, world: AcmeWorld, ann: AcmeClient
    ) -> None:
        order = ann.order("a.example")
        challenge = ann.pick(ann.authorizations(order)[0])
        for wrong in ({"keyAuthorization": "x"}, []):
            assert ann.post(challenge["url"], wrong).problem == (400, "malformed")
        ann.post(challenge["url"], {})
        world.records["_acme-challenge.a.example"] = [ann.txt(challenge)]
        assert ann.post(challenge["url"], {})["status"] == "invalid"
        other = ann.pick(ann.authorizations(ann.order("b.example"))[0], "http-01")
        assert ann.post(other["url"] + "x", {}).problem == (404, "malformed")

    def test_it_may_take_its_time(self) -> None:
        """Retry-After while a challenge is processing (RFC 8555, 7.5.1)."""
        world = AcmeWorld(main={"validating": "90s", "retryAfter": 5})
        ann = world.account()
        order = ready(world, ann, "a.example")
        (waiting,) = ann.authorizations(order)
        assert waiting["status"] == "pending"
        assert waiting.headers["retry-after"] == "5"
        assert ann.pick(waiting)["status"] == "processing"
        world.later(seconds=90)
        assert ann.authorizations(order)[0]["status"] == "valid"


class TestFinalize:
    def test_from_ready_to_a_certificate(
        self, world: AcmeWorld, ann: AcmeClient
    ) -> None:
        """RFC 8555, 7.4: processing with Retry-After, then valid with its URL."""
        order = ready(world, ann, "shop.example", "www.shop.example")
        taken = ann.finalize(order, request(["www.shop.example", "shop.example"]))
        assert (taken.status, taken["status"]) == (200, "processing")
        assert taken.headers["retry-after"] == "3"
        assert taken.headers["location"] == order.headers["location"]
        done = ann.post(order.headers["location"])
        assert done["status"] == "valid"
        chain = ann.post(done["certificate"])
        assert chain.headers["content-type"] == "application/pem-certificate-chain"
        leaf, middle = x509.load_pem_x509_certificates(chain.body)
        leaf.verify_directly_issued_by(middle)
        names = extension(leaf, x509.SubjectAlternativeName)
        assert names.get_values_for_type(x509.DNSName) == [
            "shop.example",
            "www.shop.example",
        ]
        (effect,) = world.effects("issue")
        assert effect.name == "shop.example"
        assert int(effect.details["serial"], 16) == leaf.serial_number
        again = ann.finalize(order, request(["shop.example", "www.shop.example"]))
        assert again.problem == (403, "orderNotReady")

    def test_processing_takes_as_long_as_the_world_says(self) -> None:
        world = AcmeWorld(main={"processing": "10m", "retryAfter": 60})
        ann = world.account()
        order = ready(world, ann, "a.example")
        ann.finalize(order, request(["a.example"]))
        for minutes, status in ((0, "processing"), (9, "processing"), (1, "valid")):
            world.later(minutes=minutes)
            shown = ann.post(order.headers["location"])
            assert shown["status"] == status
            assert ("retry-after" in shown.headers) == (status == "processing")
            assert ("certificate" in shown) == (status == "valid")

    def test_not_before_it_is_ready(self, ann: AcmeClient) -> None:
        found = ann.finalize(ann.order("a.example"), request(["a.example"]))
        assert found.problem == (403, "orderNotReady")
        assert '"pending"' in found["detail"]

    @pytest.mark.parametrize(
        "names",
        [
            ["a.example"],
            ["a.example", "b.example", "c.example"],
            ["a.example", "x.example"],
        ],
    )
    def test_the_names_must_be_those_of_the_order(
        self, world: AcmeWorld, ann: AcmeClient, names: list[str]
    ) -> None:
        order = ready(world, ann, "a.example", "b.example")
        assert ann.finalize(order, request(names)).problem == (403, "unauthorized")
        assert ann.post(order.headers["location"])["status"] == "ready"

    def test_a_common_name_counts_as_a_name(
        self, world: AcmeWorld, ann: AcmeClient
    ) -> None:
        order = ready(world, ann, "a.example", "b.example")
        extra = request(["a.example", "b.example"], common="c.example")
        assert ann.finalize(order, extra).problem == (403, "unauthorized")
        only = request(["a.example"], common="B.example")
        ann.finalize(order, only)
        leaf = ann.leaf(ann.post(order.headers["location"]))
        assert (
            leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
            == "b.example"
        )

    @pytest.mark.parametrize(
        "key",
        [
            ec.generate_private_key(ec.SECP521R1()),
            ec.generate_private_key(ec.SECP256K1()),
            rsa.generate_private_key(65537, 1024),  # noqa: S505
            rsa.generate_private_key(65537, 2056),
        ],
        ids=["P-521", "secp256k1", "RSA-1024", "RSA-2056"],
    )
    def test_keys_that_are_refused(
        self, world: AcmeWorld, ann: AcmeClient, key: Any
    ) -> None:
        order = ready(world, ann, "a.example")
        assert ann.finalize(order, request(["a.example"], key)).problem == (
            400,
            "badCSR",
        )

    def test_an_ed25519_key_is_refused(self, world: AcmeWorld, ann: AcmeClient) -> None:
        order = ready(world, ann, "a.example")
        made = (
            x509.CertificateSigningRequestBuilder()
            .subject_name(x509.Name([]))
            .sign(ed25519.Ed25519PrivateKey.generate(), None)
        )
        assert ann.finalize(order, made).problem == (400, "badCSR")

    def test_an_account_key_is_no_certificate_key(
        self, world: AcmeWorld, ann: AcmeClient
    ) -> None:
        """RFC 8555, 11.1; anybody's account key."""
        order = ready(world, ann, "a.example")
        bob = world.account()
        for key in (ann.key, bob.key):
            found = ann.finalize(order, request(["a.example"], key))
            assert found.problem == (400, "malformed")
            assert "different than account key" in found["detail"]

    def test_what_is_no_request(self, world: AcmeWorld, ann: AcmeClient) -> None:
        order = ready(world, ann, "a.example")
        for wrong in ({"csr": "AAAA"}, {"csr": "=="}, {}, {"csr": 3}):
            assert ann.post(order["finalize"], wrong).problem == (400, "malformed")


class TestCertificates:
    def test_the_alternate_chain_ends_below_the_other_root(
        self, world: AcmeWorld, ann: AcmeClient
    ) -> None:
        """RFC 8555, 7.4.2: Link rel="alternate"."""
        order = ready(world, ann, "a.example")
        ann.finalize(order, request(["a.example"]))
        url = ann.post(order.headers["location"])["certificate"]
        roots = [
            x509.load_pem_x509_certificate(ann.get(f"{world_url()}/roots/{n}").body)
            for n in (0, 1)
        ]
        found = [ann.post(url), ann.post(f"{url}/1")]
        assert f'<{url}/1>;rel="alternate"' in found[0].headers["link"]
        assert f'<{url}>;rel="alternate"' in found[1].headers["link"]
        leaves = set()
        for answer, root in zip(found, roots, strict=True):
            leaf, middle = x509.load_pem_x509_certificates(answer.body)
            leaf.verify_directly_issued_by(middle)
            middle.verify_directly_issued_by(root)
            leaves.add(leaf.serial_number)
        assert len(leaves) == 1
        assert ann.post(f"{url}/2").problem == (404, "malformed")
        assert world.account().post(url).problem == (403, "unauthorized")

    @pytest.mark.parametrize(
        ("profile", "hours", "key", "encipherment", "common", "key_id"),
        [
            ("classic", 90 * 24, None, False, True, True),
            ("classic", 90 * 24, RSA, True, True, True),
            ("tlsserver", 45 * 24, None, False, False, False),
            ("tlsserver", 45 * 24, RSA, False, False, False),
            ("shortlived", 160, None, False, False, False),
        ],
    )
    def test_what_a_profile_makes(
        self,
        world: AcmeWorld,
        ann: AcmeClient,
        profile: str,
        hours: int,
        key: Any,
        encipherment: bool,
        common: bool,
        key_id: bool,
    ) -> None:
        """letsencrypt.org/docs/profiles; backdated by an hour, both ends counted."""
        leaf = ann.obtain(
            world.records, "a.example", "b.example", key=key, profile=profile
        )
        lasts = leaf.not_valid_after_utc - leaf.not_valid_before_utc
        assert lasts.total_seconds() == hours * 3600 - 1
        assert leaf.not_valid_before_utc.isoformat() == "2026-11-22T08:00:00+00:00"
        usage = extension(leaf, x509.KeyUsage)
        assert usage.digital_signature
        assert usage.key_encipherment is encipherment
        assert bool(leaf.subject.rdns) is common
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        assert names.critical is not common
        found = {one.oid for one in leaf.extensions}
        assert (ExtensionOID.SUBJECT_KEY_IDENTIFIER in found) is key_id
        assert ExtensionOID.CRL_DISTRIBUTION_POINTS in found
        server = extension(leaf, x509.ExtendedKeyUsage)
        assert list(server) == [ExtendedKeyUsageOID.SERVER_AUTH]
        assert len(f"{leaf.serial_number:x}") == 35  # 18 bytes, the first is 04

    def test_the_issuer_is_where_the_leaf_says(
        self, world: AcmeWorld, ann: AcmeClient
    ) -> None:
        leaf = ann.obtain(world.records, "a.example")
        (access,) = extension(leaf, x509.AuthorityInformationAccess)
        answer = ann.get(access.access_location.value)
        leaf.verify_directly_issued_by(x509.load_der_x509_certificate(answer.body))

    def test_profiles_and_how_many_names(self, ann: AcmeClient) -> None:
        """draft-ietf-acme-profiles, 5: invalidProfile; LE: 25 and 100 names."""
        assert ann.order("a.example", profile="gold").problem == (400, "invalidProfile")
        order = ann.order("a.example", profile="shortlived")
        assert order["profile"] == "shortlived"
        assert "profile" not in ann.order("a.example")
        many = [f"n{n}.example" for n in range(101)]
        assert ann.order(*many[:26], profile="tlsserver").problem == (400, "malformed")
        assert ann.order(*many[:25], profile="tlsserver").status == 201
        assert ann.order(*many).problem == (400, "malformed")
        assert ann.order(*many[:100]).status == 201


def world_url() -> str:
    return "http://ca.test:14000/main"


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("*.www.shop.example", "shop.example"),
        ("a.b.co.uk", "b.co.uk"),
        ("shop.example", "shop.example"),
        ("co.uk", "co.uk"),
    ],
)
def test_what_one_registers(name: str, domain: str) -> None:
    assert registered(name, ["co.uk"]) == domain
