"""Fetch what a SecretRef points to; the value goes to a driver and nowhere else."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from reconciler.errors import ReconcilerError
from reconciler.model import SecretRef

_TIMEOUT = 30


class SecretMissing(ReconcilerError):
    """A secret cannot be had; names its reference, never its value."""

    code = "E600"


def resolve(ref: SecretRef, environ: Mapping[str, str], root: Path) -> str:
    """
    Return the secret that *ref* names.

    Args:
        ref: Where it is kept.
        environ: The environment of this process.
        root: What relative ``file`` and ``sops`` paths start from.

    Raises:
        SecretMissing: It is not there, or empty.
    """
    if ref.env is not None:
        value = environ.get(ref.env, "")
    elif ref.file is not None:
        value = _file(root / ref.file, ref)
    elif ref.sops is not None:
        value = _sops(ref.sops, ref, environ, root)
    elif ref.vault is not None:
        value = _vault(ref.vault, ref, environ)
    else:
        value = _aws(ref.aws_secrets_manager or "", ref)
    if not value:
        raise SecretMissing(f"the secret {ref} is not there", hint=_hint(ref))
    return value


def _hint(ref: SecretRef) -> str:
    if ref.env is not None:
        return f"set the environment variable {ref.env}"
    return "check the reference and this machine's right to read it"


def _file(path: Path, ref: SecretRef) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SecretMissing(f"the secret {ref} cannot be read") from None


def _sops(where: str, ref: SecretRef, environ: Mapping[str, str], root: Path) -> str:
    file, _, key = where.partition("#")
    path = "".join(f'["{part}"]' for part in key.split("."))
    argv = ["sops", "--decrypt", "--extract", path, str(root / file)]
    return _output(argv, ref, environ)


def _vault(where: str, ref: SecretRef, environ: Mapping[str, str]) -> str:
    path, _, key = where.partition("#")
    return _output(["vault", "kv", "get", f"-field={key}", path], ref, environ)


def _output(argv: list[str], ref: SecretRef, environ: Mapping[str, str]) -> str:
    """Run *argv*; what it prints on stderr is not shown, it may hold secrets."""
    try:
        done = subprocess.run(
            argv,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT,
            check=True,
            text=True,
        )
    except FileNotFoundError:
        raise SecretMissing(
            f"the secret {ref} needs the program {argv[0]}",
            hint=f"install {argv[0]} where the reconciler runs",
        ) from None
    except (subprocess.SubprocessError, UnicodeDecodeError):
        raise SecretMissing(f"{argv[0]} does not give the secret {ref}") from None
    return done.stdout.strip()


def _aws(arn: str, ref: SecretRef) -> str:
    import boto3
    import botocore.exceptions

    parts = arn.split(":")
    region = parts[3] if len(parts) > 3 else None  # noqa: PLR2004
    try:
        client = boto3.client("secretsmanager", region_name=region)
        value: str = client.get_secret_value(SecretId=arn)["SecretString"]
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
        raise SecretMissing(f"AWS does not give the secret {ref}") from None
    return value
