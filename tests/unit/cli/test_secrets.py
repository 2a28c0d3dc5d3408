"""A secret comes from where its reference says, and its value is never shown."""

import json
import os
import stat

import boto3
import pytest
from moto import mock_aws

from reconciler.cli.secrets import SecretMissing, resolve
from reconciler.model import SecretRef

VALUE = "canary-7f3a"


def program(folder, name, script):
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def test_env(tmp_path):
    assert resolve(SecretRef(env="TOKEN"), {"TOKEN": VALUE}, tmp_path) == VALUE


def test_file_is_relative_to_the_root_and_stripped(tmp_path):
    (tmp_path / "token").write_text(f"{VALUE}\n")
    assert resolve(SecretRef(file="token"), {}, tmp_path) == VALUE


def test_sops_is_asked_for_one_key(tmp_path):
    environ = program(tmp_path, "sops", f'[ "$3" = \'["a"]["b"]\' ] && echo {VALUE}')
    ref = SecretRef(sops="secrets.yaml#a.b")
    assert resolve(ref, environ, tmp_path) == VALUE


def test_vault_is_asked_for_one_field(tmp_path):
    environ = program(tmp_path, "vault", f'[ "$3" = -field=token ] && echo {VALUE}')
    ref = SecretRef(vault="kv/porkbun#token")
    assert resolve(ref, environ, tmp_path) == VALUE


@mock_aws
def test_aws_secrets_manager(tmp_path, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    client = boto3.client("secretsmanager", region_name="eu-west-1")
    arn = client.create_secret(Name="porkbun", SecretString=VALUE)["ARN"]
    assert resolve(SecretRef(aws_secrets_manager=arn), {}, tmp_path) == VALUE
    gone = SecretRef(aws_secrets_manager=arn.replace("porkbun", "gone"))
    with pytest.raises(SecretMissing, match="AWS does not give"):
        resolve(gone, {}, tmp_path)


@pytest.mark.parametrize(
    ("ref", "said"),
    [
        (SecretRef(env="NOPE"), "set the environment variable NOPE"),
        (SecretRef(file="nope"), "cannot be read"),
        (SecretRef(sops="f#k"), "needs the program sops"),
        (SecretRef(vault="p#k"), "needs the program vault"),
    ],
    ids=["env", "file", "sops", "vault"],
)
def test_missing(tmp_path, ref, said):
    with pytest.raises(SecretMissing, match=said):
        resolve(ref, {"PATH": str(tmp_path)}, tmp_path)


def test_an_empty_secret_is_a_missing_one(tmp_path):
    with pytest.raises(SecretMissing):
        resolve(SecretRef(env="EMPTY"), {"EMPTY": ""}, tmp_path)


def test_what_a_failing_program_says_is_not_repeated(tmp_path):
    environ = program(tmp_path, "sops", f"echo {VALUE}; echo {VALUE} >&2; exit 1")
    with pytest.raises(SecretMissing) as caught:
        resolve(SecretRef(sops="f#k"), environ, tmp_path)
    assert VALUE not in str(caught.value)
    assert VALUE not in json.dumps(repr(caught.value.__cause__))
