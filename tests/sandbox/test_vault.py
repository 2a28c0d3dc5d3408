"""Vault's key/value engine as its API reference says it, without our driver."""

from __future__ import annotations

import itertools

import httpx
import pytest

from reconciler.sandbox import Sandbox, SandboxClock, World
from tests.support.contract import NOW

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(World({"vault": {}}), SandboxClock(NOW, frozen=True)) as made:
        yield made


@pytest.fixture
def client(sandbox):
    headers = {"X-Vault-Token": "sandbox-vault"}
    with httpx.Client(base_url=sandbox.endpoint("vault"), headers=headers) as made:
        yield made


@pytest.fixture
def path():
    return f"/v1/secret/data/team/{next(NUMBERS)}"


def write(client, path, cas=None, **data):
    options = {} if cas is None else {"options": {"cas": cas}}
    return client.post(path, json={**options, "data": data})


def test_a_write_makes_the_next_version(client, path):
    first = write(client, path, cas=0, a="1").json()
    assert first["data"]["version"] == 1
    assert first["data"]["destroyed"] is False
    assert first["request_id"]
    assert write(client, path, a="2").json()["data"]["version"] == 2
    said = client.get(path).json()["data"]
    assert said["data"] == {"a": "2"}
    assert said["metadata"]["version"] == 2


@pytest.mark.parametrize("cas", [0, 2, 7])
def test_another_version_is_compared_and_refused(client, path, cas):
    write(client, path, a="1")
    refused = write(client, path, cas=cas, a="2")
    assert refused.status_code == 400
    assert refused.json()["errors"] == [
        "check-and-set parameter did not match the current version"
    ]
    assert client.get(path).json()["data"]["data"] == {"a": "1"}


def test_what_was_deleted_softly_keeps_its_version(client, path):
    write(client, path, a="1")
    assert client.delete(path).status_code == 204
    gone = client.get(path)
    assert gone.status_code == 404
    assert gone.json()["data"]["data"] is None
    assert gone.json()["data"]["metadata"]["deletion_time"]
    assert write(client, path, cas=0, a="2").status_code == 400
    assert write(client, path, cas=1, a="2").json()["data"]["version"] == 2


def test_what_never_was_has_no_errors(client, path):
    none = client.get(path)
    assert (none.status_code, none.json()) == (404, {"errors": []})


def test_who_is_not_let_in(client, path, sandbox):
    for headers in ({"X-Vault-Token": "wrong"}, {"X-Vault-Token": ""}):
        refused = client.get(path, headers=headers)
        assert refused.status_code == 403
        assert refused.json() == {"errors": ["permission denied"]}
    elsewhere = client.get("/v1/elsewhere/data/x")
    assert elsewhere.status_code == 404
    assert elsewhere.json()["errors"]
    sandbox.edit("vault", "seal", {"sealed": True})
    assert client.get(path).status_code == 503
    sandbox.edit("vault", "seal", {"sealed": False})


def test_a_token_tells_about_itself(client):
    said = client.get("/v1/auth/token/lookup-self").json()["data"]
    assert "reconciler" in said["policies"]
