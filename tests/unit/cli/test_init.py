"""`init` makes a repository that validates and plans, and overwrites nothing."""

import os
import re
import subprocess

import pytest
from click.testing import CliRunner

from reconciler.cli import command
from tests.support.public import part, running


def run(*argv):
    return CliRunner().invoke(command, argv)


def commit(folder):
    who = ["-c", "user.name=Ann", "-c", "user.email=ann@agency.example"]
    environ = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    for argv in (["add", "."], ["commit", "-q", "-m", "begin"]):
        subprocess.run(["git", *who, "-C", str(folder), *argv], check=True, env=environ)


def test_init_validate_plan(tmp_path):
    folder = tmp_path / "agency"
    made = run("init", str(folder))
    assert made.exit_code == 0, made.output
    assert "wrote inventory/domains.yaml" in made.output
    assert (folder / ".git").is_dir()
    names = {"example.com": {"expires": 200}}
    with running(part(names, suffixes=["com", "example"])) as sandbox:
        # What anyone can read is asked, and here that is a sandbox.
        at = f"{{type: public, endpoint: {sandbox.endpoint('public')}, credentials: {{}}}}"
        public = f"apiVersion: reconciler/v1\nProvider/public: {at}\n"
        (folder / "inventory" / "public.yaml").write_text(public)
        commit(folder)
        assert run("-C", str(folder), "validate").exit_code == 0
        planned = run("-C", str(folder), "plan", "--horizon", "365d")
    assert planned.exit_code == 0, planned.output
    first = "0 actions (nothing is managed yet) · RDAP, DNS · "
    assert first in planned.output
    assert "next: reconciler init --provider NAME=TYPE, then" in planned.output
    assert "Domain/example.com" in planned.output


def test_nothing_is_overwritten(tmp_path):
    own = tmp_path / "inventory" / "domains.yaml"
    own.parent.mkdir()
    own.write_text("apiVersion: reconciler/v1\n")
    run("init", str(tmp_path))
    assert own.read_text() == "apiVersion: reconciler/v1\n"
    assert "nothing was written" in run("init", str(tmp_path)).output


def test_a_first_account_comes_after_the_names(tmp_path):
    """What init itself wrote and nobody touched may say more; what is ours stays."""
    names = tmp_path / "domains.txt"
    names.write_text("shop.example\nhop.example\n")
    root = tmp_path / "a"
    first = run("init", str(root), "--domains", str(names))
    said = "domains.yaml: 2 Domain + 2 Certificate, only watched: no key is needed"
    assert said in first.output
    second = run("init", str(root), "--provider", "main=porkbun")
    assert "wrote inventory/accounts.yaml" in second.output
    assert "wrote .github/workflows/reconcile.yml" in second.output
    assert "domains.yaml" not in second.output
    assert (
        "Provider/main: {type: porkbun"
        in (root / "inventory/accounts.yaml").read_text()
    )
    assert "secrets.MAIN_API_KEY" in workflow(root, "reconcile")
    before = {path: path.read_bytes() for path in root.rglob("*.y*ml")}
    third = run("init", str(root), "--provider", "aws=aws", "--domains", str(names))
    assert {path: path.read_bytes() for path in root.rglob("*.y*ml")} == before
    assert "kept inventory/accounts.yaml as it is; to be added there:" in third.output
    assert "  Provider/aws: {type: aws, credentials: {accessKeyId" in third.output
    assert "  the step that takes on vars.AWS_ROLE" in third.output
    assert "secrets.AWS" not in third.output
    assert "domains.yaml" not in third.output  # it has all of them
    names.write_text("new.example\n")
    fourth = run("init", str(root), "--domains", str(names))
    assert "  Domain/new.example: {provider: none}" in fourth.output
    assert {path: path.read_bytes() for path in root.rglob("*.y*ml")} == before


def test_domains_and_accounts(tmp_path):
    names = tmp_path / "domains.txt"
    names.write_text(
        "# ours\nShop.Example.\n\nbücher.example  # in German\nshop.example\n"
    )
    made = run(
        "init", str(tmp_path / "a"), "--domains", str(names), "--provider",
        "main=porkbun", "--provider", "local=namecom:http://127.0.0.1:9",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    domains = (tmp_path / "a/inventory/domains.yaml").read_text()
    assert domains.count("Domain/") == domains.count("Certificate/") == 2
    assert "Certificate/shop.example: {mode: observe, names: [shop.example]}" in domains
    assert "Domain/xn--bcher-kva.example: {provider: none}" in domains
    accounts = (tmp_path / "a/inventory/accounts.yaml").read_text()
    assert "secretApiKey: {env: MAIN_SECRET_API_KEY}" in accounts
    assert run("-C", str(tmp_path / "a"), "validate").exit_code == 0


def test_accounts_of_every_registrar_and_dns_host(tmp_path):
    """One account may be both: cloudflare needs one token for its two families."""
    asked = [
        f"--provider={name}={name}" for name in ("cloudflare", "dnsimple", "gandi")
    ]
    made = run("init", str(tmp_path / "a"), *asked)
    assert made.exit_code == 0, made.output
    accounts = (tmp_path / "a/inventory/accounts.yaml").read_text()
    for name in ("cloudflare", "dnsimple", "gandi"):
        secret = f"{{token: {{env: {name.upper()}_TOKEN}}}}"
        assert f"type: {name}, credentials: {secret}" in accounts
    assert run("-C", str(tmp_path / "a"), "validate").exit_code == 0


@pytest.mark.parametrize(
    ("provider", "said"),
    [
        ("main", "is no account"),
        ("main=nosuch", "there is no vendor 'nosuch'"),
    ],
)
def test_bad_accounts(tmp_path, provider, said):
    made = run("init", str(tmp_path / "a"), "--provider", provider)
    assert made.exit_code == 1
    assert said in str(made.exception)
    assert not (tmp_path / "a").exists()


def test_a_bad_name_is_named_with_its_line(tmp_path):
    names = tmp_path / "domains.txt"
    names.write_text("good.example\nnot a name\n")
    made = run("init", str(tmp_path / "a"), "--domains", str(names))
    assert "domains.txt:2:1: 'not a name' is no domain name" in str(made.exception)


WORKFLOWS = ("plan", "comment", "reconcile", "apply-approved", "drift")


def workflow(folder, name):
    return (folder / ".github/workflows" / f"{name}.yml").read_text()


def test_the_workflows_name_the_secrets_of_these_accounts(tmp_path):
    made = run(
        "init", str(tmp_path), "--provider", "main=porkbun", "--provider", "aws-1=aws"
    )
    assert made.exit_code == 0, made.output
    for name in ("reconcile", "apply-approved", "drift"):
        text = workflow(tmp_path, name)
        assert "MAIN_API_KEY: ${{ secrets.MAIN_API_KEY }}" in text
        assert "secrets.PORKBUN_MAIN" not in text
        assert "role-to-assume: ${{ vars.AWS_ROLE }}" in text
        assert text.count("id-token: write") == 1
        assert "secrets.AWS" not in text
    for name in WORKFLOWS:
        assert "#aws" not in workflow(tmp_path, name)
    for name in ("plan", "comment"):
        assert "secrets." not in workflow(tmp_path, name)
        assert "id-token" not in workflow(tmp_path, name)
    accounts = (tmp_path / "inventory/accounts.yaml").read_text()
    # Under the names that the role's session has in the environment.
    for one in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"):
        assert f"{{env: AWS_{one}}}" in accounts


def test_two_accounts_of_aws_have_keys_of_their_own(tmp_path):
    argv = ("--provider", "one=aws", "--provider", "two=aws")
    assert run("init", str(tmp_path), *argv).exit_code == 0
    text = workflow(tmp_path, "reconcile")
    assert "id-token" not in text
    for name in ("ONE", "TWO"):
        assert f"{name}_SECRET_ACCESS_KEY: ${{{{ secrets.{name}_SECRET" in text


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        ((), r"reconciler==\d+\.\d+.*|reconciler @ git\+.*@[0-9a-f]{40}"),
        (("--package", "reconciler @ https://a.example/x.whl"), "reconciler @ https.*"),
    ],
)
def test_what_to_install_is_in_a_file_of_the_repository(tmp_path, argv, line):
    run("init", str(tmp_path), *argv)
    last = (tmp_path / ".github/reconciler.txt").read_text().splitlines()[-1]
    assert re.fullmatch(line, last)
