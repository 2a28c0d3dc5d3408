"""Sizes: a number and a binary unit."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from reconciler.model import Size

SIZE: TypeAdapter[object] = TypeAdapter(Size)


@pytest.mark.parametrize(
    ("text", "amount", "shown"),
    [
        ("1KiB", 1024, "1KiB"),
        ("20GiB", 20 * 1024**3, "20GiB"),
        ("2048MiB", 2 * 1024**3, "2GiB"),
        ("1536MiB", 1536 * 1024**2, "1536MiB"),
        ("999999TiB", 999999 * 1024**4, "999999TiB"),
    ],
)
def test_is_written_in_the_largest_unit_that_fits(
    text: str, amount: int, shown: str
) -> None:
    size = SIZE.validate_python(text)
    assert size == amount
    assert SIZE.dump_python(size, mode="json") == shown


@pytest.mark.parametrize(
    "text",
    ["20GB", "20", 21, "0GiB", "-1GiB", "1.5GiB", "20 GiB", "20gib", "GiB", None,
     "1000000GiB", "unlimited", True, "٣GiB"],
)  # fmt: skip
def test_anything_else_is_refused(text: object) -> None:
    with pytest.raises(ValidationError, match="20GiB"):
        SIZE.validate_python(text)
