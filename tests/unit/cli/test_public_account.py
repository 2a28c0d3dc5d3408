"""The built-in account: there where nothing is a sandbox, and only then by itself."""

from __future__ import annotations

import pytest

from reconciler.cli.accounts import all_loopback, with_public
from reconciler.kinds.provider import Provider
from reconciler.model import PUBLIC
from tests.support.agency import OPTIONS

LOCAL = "http://127.0.0.1:9"


def provider(name, endpoint=None, vendor=None):
    spec = {"type": vendor or name, "credentials": {}}
    if endpoint:
        spec["endpoint"] = endpoint
    return Provider.model_validate({"metadata": {"name": name}, "spec": spec})


def declared(*accounts):
    return {one.name: one for one in accounts}


@pytest.mark.parametrize(
    ("accounts", "there"),
    [
        ((), True),
        ((provider("porkbun"),), True),
        ((provider("porkbun"), provider("aws", LOCAL)), True),
        ((provider("porkbun", LOCAL),), False),
        ((provider("porkbun", LOCAL), provider("public", LOCAL)), True),
        ((provider("public", LOCAL),), True),
    ],
)
def test_where_it_is(accounts, there):
    found = with_public(declared(*accounts))
    assert (PUBLIC in found) == there
    assert set(found) - {PUBLIC} == set(declared(*accounts)) - {PUBLIC}


def test_what_is_declared_wins():
    own = provider("public", "https://mirror.example")
    assert with_public(declared(own))[PUBLIC] is own


@pytest.mark.parametrize(
    ("accounts", "loopback"),
    [
        ((), False),
        ((provider("porkbun"),), False),
        ((provider("porkbun", LOCAL),), True),
        ((provider("porkbun", LOCAL), provider("public", LOCAL)), True),
        ((provider("porkbun", LOCAL), provider("public")), False),
    ],
)
def test_it_makes_nothing_loopback(accounts, loopback):
    assert all_loopback(declared(*accounts)) is loopback
    assert all_loopback(with_public(declared(*accounts))) is loopback


def test_the_built_in_one_is_no_document_that_was_removed(tmp_path):
    """A pull request is not told that it takes the account away."""
    from reconciler.cli.project import Project
    from reconciler.cli.rules import _written

    (tmp_path / "inventory").mkdir()
    text = "apiVersion: reconciler/v1\nDomain/a.example: {provider: none}\n"
    (tmp_path / "inventory" / "a.yaml").write_text(text)
    project = Project({**OPTIONS, "root": str(tmp_path)}, {})
    built_in = project.accounts_declared
    assert set(built_in) == {"public", "keys", "usage"}
    assert not any(map(_written, built_in.values()))
    assert not project.loopback
