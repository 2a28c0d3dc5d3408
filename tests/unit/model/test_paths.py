"""Paths of a source: written one way, each once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reconciler.model.backing import Source
from reconciler.model.paths import apart, plain

WRITTEN = st.lists(st.sampled_from(["a", "b", ".", "", "a.b"]), max_size=5).map(
    "/".join
)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (["."], (".",)),
        (["./"], (".",)),
        (["./www"], ("www",)),
        (["www//sub/."], ("www/sub",)),
        (["www", "."], (".",)),
        (["b", "www/sub", "www/", "./www"], ("b", "www")),
        (["www.old", "www", "www-a"], ("www.old", "www", "www-a")),
    ],
)
def test_a_source_has_each_path_once(written, kept):
    assert Source(paths=written).paths == kept


@pytest.mark.parametrize("path", ["/", "/www", "www/../..", "./.."])
def test_what_leads_out_is_still_refused(path):
    with pytest.raises(ValidationError, match="relative to root"):
        Source(paths=[path])


@given(st.lists(WRITTEN, min_size=1, max_size=6))
def test_nothing_is_lost_and_nothing_is_there_twice(paths):
    found = apart(paths)
    assert apart(found) == found
    for path in map(plain, paths):
        outer = [one for one in found if one == "." or f"{path}/".startswith(f"{one}/")]
        assert len(outer) == 1
