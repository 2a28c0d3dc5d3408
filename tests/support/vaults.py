"""Repositories in buckets, and the drivers that look at them and set them up."""

from __future__ import annotations

from typing import Any

import boto3

from reconciler.kinds.backup_repository import BackupRepository
from tests.support.aws_places import PART, SECRETS

WORLD: dict[str, Any] = {
    **PART,
    "buckets": [
        "plain",
        {"name": "locking", "lock": True},
        {"name": "denying", "denies": ["GetPublicAccessBlock"]},
    ],
}


def repository(
    endpoint: str, at: str = "plain", name: str = "near", **more: Any
) -> BackupRepository:
    """Return a repository below ``at/shop`` that the account ``main`` sets up."""
    spec = {
        "engine": "archive",
        "url": f"s3:{endpoint}/{at}/shop",
        "provider": "main",
        "credentials": {"password": {"env": "P"}},
        **more,
    }
    return BackupRepository.model_validate({"metadata": {"name": name}, "spec": spec})


def client(endpoint: str) -> Any:
    """Return what speaks to S3 by hand."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=SECRETS["accessKeyId"],
        aws_secret_access_key=SECRETS["secretAccessKey"],
    )
