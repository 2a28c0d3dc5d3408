"""Where a repository of restic is, who may do what to it, and what a listing shows."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from reconciler.errors import Rejected
from reconciler.model import Account
from reconciler.providers._archive_store import Store
from reconciler.providers._archive_where import DRILL, MAINTAIN, WRITE, store_of
from reconciler.providers._restic import Repo
from reconciler.providers._s3_place import s3_place

__all__ = ["DRILL", "MAINTAIN", "WRITE", "as_source", "repo_of", "store_at"]

PASSWORD: Final = "password"  # noqa: S105  (the name of a secret)
ESCROW: Final = "escrowKey"


def repo_of(account: Account, role: str, key: str = PASSWORD) -> Repo:
    """
    Return the repository as *role* may use it, opened with the password *key*.

    Raises:
        Rejected: There are no keys for that.
    """
    password = account.secrets.get(key)
    if not password:
        raise Rejected(f"the repository has no {key}")
    url = account.settings.get("url", account.endpoint or "")
    below = account.settings.get("path", "").strip("/")
    bare = url.removeprefix("s3:").removeprefix("rest:")
    parts = urlsplit(bare)
    if parts.scheme == "file":
        place = {"RESTIC_REPOSITORY": str(Path(unquote(parts.path)) / below)}
        return _repo(account.name, password, place, ())
    where = "/".join(one for one in (bare.rstrip("/"), below) if one)
    usual = 443 if parts.scheme == "https" else 80
    hosts = ((parts.hostname or "", parts.port or usual),)
    keys = _keys(account, role)
    user, _, secret = (keys or "").partition(":")
    if (url.startswith("s3:") and not secret) or (role == MAINTAIN and keys is None):
        raise Rejected(
            f"{account.name} has no credentials.{role}: it cannot be done",
            hint=f"credentials: {{{role}: ...}}, a secret KEY:SECRET",
        )
    if url.startswith("s3:"):
        place = {
            "RESTIC_REPOSITORY": f"s3:{where}",
            "AWS_ACCESS_KEY_ID": user,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_DEFAULT_REGION": s3_place(url, below).region,
        }
        return _repo(account.name, password, place, (user, secret), hosts)
    if url.startswith("rest:"):
        # Before 0.16 there is no variable for them: they are a part of the address.
        told = quote(secret, safe="")
        if keys is not None:
            named = f"://{quote(user, safe='')}:{told}@"
            where = where.replace("://", named, 1)
        place = {"RESTIC_REPOSITORY": f"rest:{where}/"}
        return _repo(account.name, password, place, (secret, told), hosts)
    raise Rejected(
        "restic is in a folder (file:///folder), a bucket (s3:...) or at a REST server"
    )


def _repo(
    name: str,
    password: str,
    place: dict[str, str],
    secrets: tuple[str, ...],
    hosts: tuple[tuple[str, int], ...] = (),
) -> Repo:
    hidden = tuple(one for one in (password, *secrets) if one)
    return Repo(name, {"RESTIC_PASSWORD": password, **place}, hidden, hosts)


def _keys(account: Account, role: str) -> str | None:
    """Return the keys of *role*; who only reads may do it as who adds."""
    found = account.secrets.get(role)
    return account.secrets.get(WRITE) if role == DRILL and found is None else found


def as_source(repo: Repo) -> dict[str, str]:
    """Return the environment in which *repo* is what is copied from."""
    return {
        "RESTIC_FROM_REPOSITORY": repo.environ["RESTIC_REPOSITORY"],
        "RESTIC_FROM_PASSWORD": repo.environ["RESTIC_PASSWORD"],
    }


def store_at(account: Account, role: str) -> Store | None:
    """Return the objects of a repository; None where no listing says when they came."""
    if account.settings.get("url", account.endpoint or "").startswith("rest:"):
        return None
    return store_of(account, role)
