"""The ACME emulator's door and accounts against RFC 8555, 6 and 7.1 to 7.3."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from reconciler.errors import ReconcilerError
from reconciler.model.driver import Sent
from reconciler.sandbox import Sandbox, SandboxClock, World
from reconciler.sandbox.acme_jws import canonical, thumbprint
from tests.support import acme_client
from tests.support.acme_client import JOSE, AcmeClient, b64, binding, jwk, signed
from tests.support.acme_world import NOW, WHERE, AcmeWorld

MAC = b"m" * 32
EAB = {"externalAccountRequired": True, "externalAccounts": {"kid-1": b64(MAC)}}


@pytest.fixture
def world() -> AcmeWorld:
    return AcmeWorld()


@pytest.fixture
def ann(world: AcmeWorld) -> AcmeClient:
    return world.account()


class TestTheDirectory:
    def test_has_every_resource_and_meta(self, world: AcmeWorld) -> None:
        """RFC 8555, 7.1.1; RFC 9773, 4; draft-ietf-acme-profiles, 3."""
        shown = world.client().directory
        resources = {"newNonce", "newAccount", "newOrder", "revokeCert", "keyChange"}
        assert resources | {"renewalInfo", "meta"} < shown.keys()
        assert shown["newOrder"].startswith(f"{WHERE}/main/")
        assert shown["meta"]["caaIdentities"] == ["letsencrypt.org"]
        assert shown["meta"]["externalAccountRequired"] is False
        assert set(shown["meta"]["profiles"]) == {"classic", "tlsserver", "shortlived"}

    def test_has_an_entry_nobody_knows(self, world: AcmeWorld) -> None:
        """Let's Encrypt adds one at random: clients must not mind (RFC 8555, 9.7.5)."""
        shown = world.client().directory
        strange = [k for k, v in shown.items() if "community.letsencrypt.org" in str(v)]
        assert len(strange) == 1

    def test_leaves_out_what_an_authority_does_not_do(self) -> None:
        world = AcmeWorld(
            old={"renewalInfo": False, "listsProfiles": False, "terms": None}
        )
        shown = world.client("old").directory
        assert "renewalInfo" not in shown
        assert not {"profiles", "termsOfService"} & shown["meta"].keys()

    def test_every_authority_has_its_own(self) -> None:
        world = AcmeWorld(one={}, two={"caaIdentities": ["pki.example"]})
        assert world.client("two").directory["meta"]["caaIdentities"] == ["pki.example"]
        ann = world.account("one")
        other = world.client("two", ann.key)
        other.kid = ann.kid
        assert other.order("a.example").problem == (400, "malformed")
        assert world.client("two").get(f"{WHERE}/three/directory").status == 404


class TestNonces:
    def test_head_is_200_and_get_204(self, world: AcmeWorld) -> None:
        """RFC 8555, 7.2: with Cache-Control: no-store."""
        client = world.client()
        url = client.directory["newNonce"]
        head, get = client.get(url, "HEAD"), client.get(url)
        assert (head.status, get.status) == (200, 204)
        assert (
            head.headers["cache-control"] == get.headers["cache-control"] == "no-store"
        )
        assert head.headers["replay-nonce"] != get.headers["replay-nonce"]

    def test_every_answer_to_a_post_brings_one(self, ann: AcmeClient) -> None:
        """RFC 8555, 6.5: errors, too."""
        wrong = ann.order()
        assert wrong.problem == (400, "malformed")
        assert wrong.headers["replay-nonce"]
        assert wrong.headers["content-type"] == "application/problem+json"
        assert 'rel="index"' in wrong.headers["link"]

    def test_one_is_good_once(self, ann: AcmeClient) -> None:
        used = ann.fresh()
        assert ann.post(ann.kid, {}, nonce=used).status == 200
        again = ann.post(ann.kid, {}, nonce=used)
        assert again.problem == (400, "badNonce")
        assert ann.post(ann.kid, {}).status == 200  # with the one that came along
        assert ann.post(ann.kid, {}, nonce="never-given").problem == (400, "badNonce")
        assert ann.post(ann.kid, {}, nonce=None).problem == (400, "badNonce")

    def test_good_ones_are_refused_on_request(
        self, world: AcmeWorld, ann: AcmeClient
    ) -> None:
        world.edit("nonces", refuse=2)
        found = [ann.post(ann.kid, {}).problem for _ in range(3)]
        assert found == [(400, "badNonce"), (400, "badNonce"), (200, "")]

    def test_a_share_is_refused_the_same_way_for_one_seed(self) -> None:
        def refused() -> list[int]:
            ann = AcmeWorld(main={"refusedNonces": 0.3, "seed": "s"}).client()
            while ann.register().status == 400:
                pass
            return [n for n in range(60) if ann.post(ann.kid, {}).status == 400]

        first = refused()
        assert 8 < len(first) < 30
        assert refused() == first


class TestSignatures:
    @pytest.mark.parametrize(
        "key",
        [
            ec.generate_private_key(ec.SECP256R1()),
            ec.generate_private_key(ec.SECP384R1()),
            ec.generate_private_key(ec.SECP521R1()),
            rsa.generate_private_key(65537, 2048),
        ],
        ids=["ES256", "ES384", "ES512", "RS256"],
    )
    def test_these_algorithms_are_taken(self, world: AcmeWorld, key: Any) -> None:
        ann = world.account(key=key)
        assert ann.post(ann.kid)["status"] == "valid"
        assert ann.post(ann.kid)["key"] == jwk(key)

    def test_another_one_is_refused_with_those_that_are_not(
        self, ann: AcmeClient
    ) -> None:
        """RFC 8555, 6.2: the problem lists the algorithms."""
        found = ann.post(ann.kid, {}, alg="HS256")
        assert found.problem == (400, "badSignatureAlgorithm")
        assert found["algorithms"] == ["RS256", "ES256", "ES384", "ES512"]
        assert ann.post(ann.kid, {}, alg="none").problem == (
            400,
            "badSignatureAlgorithm",
        )
        assert ann.post(ann.kid, {}, alg="ES384").problem == (
            400,
            "badSignatureAlgorithm",
        )

    def test_what_was_changed_or_signed_by_another_is_refused(
        self, world: AcmeWorld, ann: AcmeClient
    ) -> None:
        header = {"alg": "ES256", "kid": ann.kid, "url": ann.kid}
        body = signed(ann.key, {**header, "nonce": ann.fresh()}, b"{}")
        changed = {**body, "payload": b64(b'{"status":"deactivated"}')}
        assert ann.send(ann.kid, changed).problem == (400, "malformed")
        assert (
            ann.send(ann.kid, {**body, "signature": body["signature"][:-4]}).status
            == 400
        )
        stranger = ec.generate_private_key(ec.SECP256R1())
        forged = signed(stranger, {**header, "nonce": ann.fresh()}, b"{}")
        assert ann.send(ann.kid, forged).problem == (400, "malformed")
        assert world.look("accounts")[0]["status"] == "valid"

    def test_a_url_of_somewhere_else_is_refused(self, ann: AcmeClient) -> None:
        """RFC 8555, 6.4: rejected as unauthorized."""
        other = ann.directory["newOrder"]
        assert ann.post(ann.kid, {}, url=other).problem == (403, "unauthorized")
        assert ann.post(ann.kid, {}, url=None).problem == (403, "unauthorized")

    def test_kid_and_jwk_are_for_different_resources(self, ann: AcmeClient) -> None:
        """RFC 8555, 6.2: exactly one of them, as the resource wants it."""
        new, order = ann.directory["newAccount"], ann.directory["newOrder"]
        for url, header in (
            (order, {"kid": ann.kid, "jwk": jwk(ann.key)}),
            (order, {"kid": None}),
            (order, {"kid": None, "jwk": jwk(ann.key)}),
            (new, {"kid": ann.kid}),
        ):
            assert ann.post(url, {}, **header).problem == (400, "malformed")
        nobody = f"{WHERE}/main/acme/acct/99"
        assert ann.post(order, {}, kid=nobody).problem == (400, "accountDoesNotExist")
        assert ann.post(order, {}, kid="acct/1").problem == (400, "malformed")

    def test_only_the_flattened_form_with_a_protected_header(
        self, ann: AcmeClient
    ) -> None:
        header = {"alg": "ES256", "nonce": ann.fresh(), "url": ann.kid, "kid": ann.kid}
        body = signed(ann.key, header, b"{}")
        for wrong in (
            {**body, "header": {"kid": ann.kid}},
            {**body, "signatures": []},
            {**body, "payload": "e30="},
            {"protected": body["protected"], "payload": body["payload"]},
            {**body, "protected": b64(b"[]")},
            "text",
        ):
            assert ann.send(ann.kid, wrong).problem == (400, "malformed")
        assert ann.send(ann.kid, body).status == 200

    def test_the_content_type_is_checked(self, ann: AcmeClient) -> None:
        """RFC 8555, 6.2: 415."""
        header = {"alg": "ES256", "nonce": ann.fresh(), "url": ann.kid, "kid": ann.kid}
        body = signed(ann.key, header, b"{}")
        assert ann.send(ann.kid, body, "application/json").problem == (415, "malformed")
        assert JOSE == "application/jose+json"

    def test_a_get_is_not_enough(self, ann: AcmeClient) -> None:
        """RFC 8555, 6.3: 405 for a GET of what needs a POST-as-GET."""
        found = ann.get(ann.kid)
        assert found.problem == (405, "malformed")
        assert found.headers["allow"] == "POST"
        assert ann.get(f"{WHERE}/main/acme/nothing").problem == (404, "malformed")

    def test_a_post_as_get_of_what_is_public(self, ann: AcmeClient) -> None:
        """RFC 8555, 6.3: the directory and newNonce take both."""
        assert (
            ann.post(f"{WHERE}/main/directory")["newOrder"] == ann.directory["newOrder"]
        )
        assert ann.post(f"{WHERE}/main/directory", {}).problem == (400, "malformed")

    @pytest.mark.parametrize(
        ("change", "kind"),
        [
            ({"crv": "P-192"}, "badPublicKey"),
            ({"kty": "oct"}, "badPublicKey"),
            ({"x": b64(bytes(31) + b"x")}, "badPublicKey"),
            ({"d": "AAAA"}, "badPublicKey"),
            ({"y": None}, "badPublicKey"),
        ],
    )
    def test_keys_that_are_none(
        self, world: AcmeWorld, change: dict[str, Any], kind: str
    ) -> None:
        client = world.client()
        wrong = {**jwk(client.key), **change}
        url = client.directory["newAccount"]
        assert client.post(url, {}, kid=None, jwk=wrong).problem == (400, kind)

    def test_rsa_keys_below_2048_are_refused(self, world: AcmeWorld) -> None:
        weak = world.client(key=rsa.generate_private_key(65537, 1024))  # noqa: S505
        assert weak.register().problem == (400, "badPublicKey")

    def test_the_thumbprint_is_that_of_rfc_7638(self) -> None:
        """The example of RFC 7638, 3.1."""
        key = {
            "kty": "RSA",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
            "e": "AQAB",
            "alg": "RS256",
            "kid": "2011-04-29",
        }
        assert (
            thumbprint(canonical(key)) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        )


class TestAccounts:
    def test_made_found_and_shown(self, world: AcmeWorld) -> None:
        """RFC 8555, 7.3 and 7.3.1: 201, then 200 with the same Location."""
        ann = world.client()
        made = ann.register(contact=["mailto:ops@agency.example"])
        assert (made.status, made["status"]) == (201, "valid")
        assert made["contact"] == ["mailto:ops@agency.example"]
        again = ann.register()
        assert (again.status, again.headers["location"]) == (200, ann.kid)
        found = ann.register(onlyReturnExisting=True, termsOfServiceAgreed=False)
        assert (found.status, found.headers["location"]) == (200, ann.kid)
        assert [e.name for e in world.effects("newAccount")] == ["1"]

    def test_nobody_is_made_where_one_is_looked_for(self, world: AcmeWorld) -> None:
        found = world.client().register(onlyReturnExisting=True)
        assert found.problem == (400, "accountDoesNotExist")
        assert world.look("accounts") == []

    def test_the_terms_have_to_be_agreed_to(self, world: AcmeWorld) -> None:
        found = world.client().register(termsOfServiceAgreed=False)
        assert found.problem == (403, "userActionRequired")
        assert 'rel="terms-of-service"' in found.headers["link"]

    @pytest.mark.parametrize(
        ("contact", "kind"),
        [
            (["tel:+3120"], "unsupportedContact"),
            (["mailto:nobody"], "invalidContact"),
            (["mailto:a@b.example,c@d.example"], "invalidContact"),
            ("mailto:a@b.example", "malformed"),
        ],
    )
    def test_contacts_are_looked_at(
        self, world: AcmeWorld, contact: Any, kind: str
    ) -> None:
        assert world.client().register(contact=contact).problem == (400, kind)

    def test_changed_and_closed(self, world: AcmeWorld, ann: AcmeClient) -> None:
        """RFC 8555, 7.3.2 and 7.3.6: 401 from then on."""
        changed = ann.post(ann.kid, {"contact": ["mailto:new@agency.example"]})
        assert changed["contact"] == ["mailto:new@agency.example"]
        assert ann.post(ann.kid, {"status": "invalid"}).problem == (400, "malformed")
        assert ann.post(ann.kid, {"status": "deactivated"})["status"] == "deactivated"
        assert ann.order("a.example").problem == (401, "unauthorized")
        assert ann.post(ann.directory["newAccount"], {}, embedded=True).problem == (
            403,
            "unauthorized",
        )
        assert world.look("accounts")[0]["status"] == "deactivated"

    def test_nobody_sees_anothers(self, world: AcmeWorld, ann: AcmeClient) -> None:
        bob = world.account()
        assert bob.post(ann.kid).problem == (403, "unauthorized")
        assert bob.post(ann.post(ann.kid)["orders"]).problem == (403, "unauthorized")

    def test_orders_are_listed_in_pages(
        self, world: AcmeWorld, ann: AcmeClient
    ) -> None:
        """RFC 8555, 7.1.2.1: Link rel="next"."""
        where = ann.post(ann.kid)["orders"]
        assert ann.post(where)["orders"] == []
        made = [ann.order(f"n{n}.example").headers["location"] for n in range(101)]
        first = ann.post(where)
        assert first["orders"] == made[:100]
        following = first.headers["link"].rpartition("<")[2].partition(">")[0]
        last = ann.post(following)
        assert last["orders"] == made[100:]
        assert 'rel="next"' not in last.headers["link"]
        assert len(world.look("orders")) == 101


class TestKeyChange:
    def inner(self, ann: AcmeClient, key: Any, **change: Any) -> dict[str, str]:
        url = ann.directory["keyChange"]
        payload = {"account": ann.kid, "oldKey": jwk(ann.key)}
        payload |= {k: v for k, v in change.items() if k in payload}
        header = {"alg": "ES256", "jwk": jwk(key), "url": url}
        header |= {k: v for k, v in change.items() if k not in payload}
        text = acme_client.json.dumps(payload).encode()
        return signed(key, header, text)

    def test_the_new_one_signs_from_then_on(
        self, world: AcmeWorld, ann: AcmeClient
    ) -> None:
        """RFC 8555, 7.3.5; the account stays the same, and so does its URL."""
        new = ec.generate_private_key(ec.SECP256R1())
        done = ann.post(ann.directory["keyChange"], self.inner(ann, new))
        assert (done.status, done["key"]) == (200, jwk(new))
        assert ann.post(ann.kid).problem == (400, "malformed")
        old, ann.key = ann.key, new
        assert ann.post(ann.kid)["status"] == "valid"
        assert world.client(key=old).register(onlyReturnExisting=True).problem == (
            400,
            "accountDoesNotExist",
        )
        assert len(world.effects("keyChange")) == 1

    def test_what_does_not_fit_is_refused(
        self, world: AcmeWorld, ann: AcmeClient
    ) -> None:
        new = ec.generate_private_key(ec.SECP256R1())
        url = ann.directory["keyChange"]
        for change in (
            {"account": f"{WHERE}/main/acme/acct/7"},
            {"oldKey": jwk(new)},
            {"url": ann.directory["newOrder"]},
            {"nonce": "abc"},
            {"kid": ann.kid},
        ):
            assert ann.post(url, self.inner(ann, new, **change)).problem == (
                400,
                "malformed",
            )
        assert ann.post(url, self.inner(ann, ann.key)).problem == (400, "malformed")
        forged = {**self.inner(ann, new), "signature": b64(bytes(64))}
        assert ann.post(url, forged).problem == (400, "malformed")
        assert world.effects("keyChange") == []

    def test_a_key_of_another_account_is_a_conflict(
        self, world: AcmeWorld, ann: AcmeClient
    ) -> None:
        """409 with the other account's Location."""
        bob = world.account()
        found = ann.post(ann.directory["keyChange"], self.inner(ann, bob.key))
        assert (found.status, found.headers["location"]) == (409, bob.kid)


class TestExternalAccounts:
    def bound(
        self, client: AcmeClient, mac: bytes = MAC, **change: Any
    ) -> dict[str, str]:
        url = client.directory["newAccount"]
        return binding("kid-1", mac, client.key, url, **change)

    def test_a_binding_is_needed_and_verified(self) -> None:
        """RFC 8555, 7.3.4."""
        world = AcmeWorld(main=EAB)
        ann = world.client()
        assert ann.directory["meta"]["externalAccountRequired"] is True
        assert ann.register().problem == (403, "externalAccountRequired")
        made = ann.register(externalAccountBinding=self.bound(ann))
        assert made.status == 201
        assert made["externalAccountBinding"] == self.bound(ann)
        assert world.effects("newAccount")[0].details["binding"] == "kid-1"

    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            ({"mac": b"x" * 32}, (403, "unauthorized")),
            ({"kid": "kid-2"}, (403, "unauthorized")),
            ({"url": f"{WHERE}/main/acme/new-order"}, (400, "malformed")),
            ({"nonce": "abc"}, (400, "malformed")),
            ({"alg": "ES256"}, (400, "malformed")),
        ],
    )
    def test_one_that_does_not_fit(
        self, change: dict[str, Any], problem: tuple[int, str]
    ) -> None:
        world = AcmeWorld(main=EAB)
        ann = world.client()
        found = ann.register(externalAccountBinding=self.bound(ann, **change))
        assert found.problem == problem
        assert world.look("accounts") == []

    def test_one_for_another_key(self) -> None:
        world = AcmeWorld(main=EAB)
        stolen = self.bound(world.client())
        found = world.client().register(externalAccountBinding=stolen)
        assert found.problem == (400, "badPublicKey")


class TestByHand:
    def test_down_answers_nothing_but_503(
        self, world: AcmeWorld, ann: AcmeClient
    ) -> None:
        world.edit("down", **{"for": 7200})
        for found in (ann.order("a.example"), ann.get(f"{WHERE}/main/directory")):
            assert found.problem == (503, "serverInternal")
            assert found.headers["retry-after"] == "3600"
            assert "replay-nonce" not in found.headers
        world.later(hours=2)
        ann.nonce = ""
        assert ann.order("a.example").status == 201

    def test_settings_change_while_it_runs(
        self, world: AcmeWorld, ann: AcmeClient
    ) -> None:
        world.edit("settings", profiles={"classic": {"validity": "64d"}})
        leaf = ann.obtain(world.records, "a.example")
        assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days == 63
        world.edit(
            "settings", profiles={"tlsclient": {"validity": "90d"}}, authority="main"
        )
        profiles = world.client().directory["meta"]["profiles"]
        assert {"classic", "tlsclient"} < profiles.keys()

    @pytest.mark.parametrize(
        ("thing", "data"),
        [
            ("settings", {"colour": "red"}),
            ("settings", {"defaultProfile": "gold"}),
            ("settings", {"limits": {"speed": {"burst": 1, "period": "1h"}}}),
            ("settings", {"limits": "slow"}),
            ("settings", {}),
            ("settings", {"authority": "other", "seed": "x"}),
            ("planet", {"name": "x"}),
            ("renewal", {"colour": "red"}),
            ("revoke", {"serial": "00"}),
            ("down", {"for": "ever"}),
        ],
    )
    def test_what_cannot_be_is_refused(
        self, world: AcmeWorld, thing: str, data: dict[str, Any]
    ) -> None:
        with pytest.raises(ReconcilerError):
            world.edit(thing, **data)
        with pytest.raises(ReconcilerError, match="acme shows"):
            world.look("planets")

    @pytest.mark.parametrize(
        "part",
        [
            {"colour": "red"},
            {"authorities": {"main": {"profiles": {"gold": {}}}}},
            {"resolver": "nowhere"},
        ],
    )
    def test_a_world_that_cannot_be(self, part: dict[str, Any]) -> None:
        sandbox = Sandbox(World({"acme": part}), SandboxClock(NOW))
        with pytest.raises(ReconcilerError):
            sandbox.start()


def test_a_request_inside_has_a_host(world: AcmeWorld) -> None:
    """Without one nobody could tell what URL was signed."""
    answer = world.way(Sent("GET", f"{WHERE}/main/directory", {}, b""))
    assert WHERE.encode() in answer.body
    answer = world.way(Sent("GET", f"{WHERE}/main/directory", {"Host": "x.test"}, b""))
    assert b"http://x.test/main/" in answer.body
