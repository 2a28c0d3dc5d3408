"""What editors and shells are offered: the names that the inventory has."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from jsonschema import Draft202012Validator

from tests.support.shell import shell

HEAD = "apiVersion: reconciler/v1\n"
FILES = """\
Provider/main: {type: porkbun, credentials: {apiKey: {env: A}, secretApiKey: {env: B}}}
RecordSet/mail: {records: [{name: "@", type: MX, value: 10 mx.mail.example.}]}
Domain/one.example: {provider: main, dns: {include: [mail]}}
Domain/two.example: {provider: none}
"""


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "inventory"
    folder.mkdir()
    (folder / "all.yaml").write_text(HEAD + FILES)
    return tmp_path


def offered(schema, *path):
    for step in path:
        schema = schema[step]
    return schema["anyOf"][0]["enum"]


def test_a_schema_offers_the_names_there_are_and_takes_others(root, tmp_path):
    written = tmp_path / "schemas"
    done = shell("-C", root, "schema", "--names", "--write", written)
    assert done.code == 0, done.err
    schema = json.loads((written / "inventory.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    spec = schema["$defs"]["Domain.spec"]["properties"]
    assert offered(spec, "provider") == ["none", "main"]
    dns = schema["$defs"]["Domain.DnsSpec"]["properties"]
    assert offered(dns, "include", "items") == ["mail"]
    assert offered(dns, "targets", "items") == ["main"]
    part = schema["$defs"]["SiteProfile.parts.Domain.DnsSpec"]["properties"]
    assert offered(part, "include", "items") == ["mail"]
    part = schema["$defs"]["Site.parts.Domain.DomainSpec"]["properties"]
    assert offered(part, "provider") == ["none", "main"]
    covers = schema["$defs"]["Subscription.spec"]["properties"]["covers"]
    assert offered(covers, "items") == ["Domain/one.example", "Domain/two.example"]
    documents = Draft202012Validator(schema)
    one = {"apiVersion": "reconciler/v1", "Domain/x.example": {"provider": "later"}}
    assert documents.is_valid(one)
    one["Domain/x.example"] = {"provider": 7}
    assert not documents.is_valid(one)


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_every_shell_has_its_script(name):
    done = shell("completion", name)
    assert done.code == 0
    assert "_RECONCILER_COMPLETE" in done.out


def completed(root, *words):
    """Ask as bash does: the words of the line, and which one is being typed."""
    line = ["reconciler", "-C", str(root), *words]
    environ = {
        **os.environ,
        "_RECONCILER_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(line),
        "COMP_CWORD": str(len(line) - 1),
    }
    program = "import sys; sys.argv[0] = 'reconciler'; from reconciler.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env=environ,
    )
    return [row.partition(",")[2] for row in done.stdout.splitlines() if row]


def test_a_shell_completes_addresses_and_commands(root):
    assert completed(root, "--select", "Domain/t") == ["Domain/two.example"]
    assert "Provider/main" in completed(root, "--select", "")
    assert completed(root, "val") == ["validate"]
    assert completed(root / "nowhere", "--select", "Domain/t") == []
