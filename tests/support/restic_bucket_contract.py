"""
The driver contract of restic in a bucket: the real one, and S3 over a real socket.

Each world is made once in a folder, and put into a bucket of its own. Only what comes
to another end in a bucket is looked at: what restic says is the same as in a folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest

from tests.support.archives import PASSWORD
from tests.support.buckets import KEYS, by_hand, fresh, serving
from tests.support.restic_contract import ResticContract
from tests.support.restics import ResticBucket, ResticPlace

#: Tests that what deletes is put to, too: it is what differs most.
_BOTH: Final = ("lost_after", "applying", "same_again")


class ResticBucketContract(ResticContract):
    server: ClassVar[str]
    s3: ClassVar[Any]

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def running(cls) -> Iterator[None]:
        with serving() as cls.server, by_hand(cls.server) as cls.s3:
            yield

    @pytest.fixture(autouse=True)
    def chosen(self, request: Any) -> None:
        both = any(word in request.node.name for word in _BOTH)
        type(self).verbs = ("back-up", "prune") if both else ("back-up",)

    def _near(self) -> ResticPlace:
        name = fresh(self.s3, lock=False)
        secrets = {"password": PASSWORD, **KEYS}
        url = f"s3:{self.server}/{name}/below"
        made = ResticBucket(
            self.s3, url, name, self.base / "near", escrow=None, secrets=secrets
        )
        made.beside.accounts["far"] = self._place("far").account
        return made

    def _put(self, kept: Path) -> None:
        if kept.exists():
            self.place.keep(kept)

    def wrong(self, account: Any) -> Any:
        return account._replace(secrets={**KEYS, "password": "this opens nothing"})

    def listed(self) -> list[str]:
        place = self.place
        assert isinstance(place, ResticBucket)
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=place.bucket)
        rows = (one["Key"] for page in pages for one in page.get("Contents", ()))
        return [one.removeprefix(f"{place.below}/") for one in rows]
