"""``expand --write``: what it means stays, and the rest of the file too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler import cli
from reconciler.cli.rules import declared
from reconciler.errors import InventoryError
from reconciler.inventory import WorkTree, load
from reconciler.model import Ref
from tests.unit.inventory.test_sites import HOUSE as ACCOUNTS
from tests.unit.inventory.test_sites import PROFILE, SITE
from tests.unit.inventory.tree import HEAD

NAME = Ref("Site", "bakker.example")


def write(root: Path, site: str, profile: str = PROFILE, **more: str) -> Path:
    folder = root / "inventory"
    folder.mkdir(parents=True, exist_ok=True)
    files = {"house": HEAD + ACCOUNTS, "profiles": HEAD + profile, "site": site, **more}
    for name, text in files.items():
        (folder / f"{name}.yaml").write_bytes(text.encode())
    return folder / "site.yaml"


def run(root: Path, *argv: str):
    return CliRunner().invoke(cli.command, ["-C", str(root), *argv])


def digests(root: Path):
    found = load(WorkTree(root))
    return {ref: found.content(ref) for ref in found.refs() if ref.kind != "Site"}


def eject(root: Path, *argv: str):
    done = run(root, "expand", "--write", *(argv or ("Site/bakker.example",)))
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_it_prints_every_value_with_its_origin(tmp_path):
    write(tmp_path, HEAD + SITE)
    out = run(tmp_path, "expand", "Site/bakker.example").output
    rows = {
        row.split("  #")[0].strip(): row.partition("  # ")[2]
        for row in out.splitlines()
    }
    assert (
        rows["provider: porkbun-main"]
        == "SiteProfile/brochure inventory/profiles.yaml:4"
    )
    assert rows["warnAt: [9d]"] == "with inventory/site.yaml:9"
    assert rows["account: bakker"] == "Site/bakker.example inventory/site.yaml:6"
    assert rows["policy: nightly"] == "SiteProfile/brochure inventory/profiles.yaml:11"


def test_as_json_it_says_the_same(tmp_path):
    write(tmp_path, HEAD + SITE)
    (site,) = json.loads(run(tmp_path, "expand", "--format", "json").output)["sites"]
    parts = {(part["kind"], part["name"]): part for part in site["parts"]}
    assert parts["Backup", "bakker.example"]["spec"]["policy"] == "nightly"
    values = {v["path"]: v for v in parts["Domain", "bakkerij.example"]["values"]}
    assert values["spec.provider"]["source"] == "SiteProfile/brochure"
    assert values["spec.provider"]["at"]["line"] == 4


@pytest.mark.parametrize("word", ["Site/baker.example", "Domain/bakker.example", "x"])
def test_a_site_that_is_not_there_is_a_wrong_call(tmp_path, word):
    write(tmp_path, HEAD + SITE)
    done = run(tmp_path, "expand", word)
    assert "there is no Site called" in str(done.exception)
    assert done.exception.hint


def test_written_out_it_means_the_same(tmp_path):
    path = write(tmp_path, HEAD + SITE)
    before = digests(tmp_path)
    eject(tmp_path)
    assert digests(tmp_path) == before
    text = path.read_text()
    assert "Site/" not in text.replace("# ", "")
    assert "\nBackup/bakker.example:\n" in text


LONG = """\
# the file
---
apiVersion: reconciler/v1
kind: Site
metadata:
  name: bakker.example  # the name
  labels: {tier: gold}
spec:
  profile: brochure
  # in the spec
  customer: bakker
  server: whm-1
  account: bakker
# after
---
Customer/x: {legalName: X, country: NL}
"""


def test_a_long_form_is_written_out_in_its_document(tmp_path):
    path = write(tmp_path, LONG)
    before = digests(tmp_path)
    eject(tmp_path)
    assert digests(tmp_path) == before
    text = path.read_text()
    head = "# the file\n---\n# the name\n# in the spec\napiVersion: reconciler/v1\nBackup/bakker.example:\n"
    assert text.startswith(head)
    assert text.endswith("# after\n---\nCustomer/x: {legalName: X, country: NL}\n")


@pytest.mark.parametrize(
    "site",
    [
        "{apiVersion: reconciler/v1, Site/bakker.example: {profile: brochure, customer: bakker, server: whm-1, account: b}}\n",
        "? Site/bakker.example\n: {profile: brochure, customer: bakker, server: whm-1, account: b}\n",
    ],
)  # fmt: skip
def test_what_shares_its_lines_is_left_alone(tmp_path, site):
    text = site if site.startswith("{") else HEAD + site
    path = write(tmp_path, text)
    with pytest.raises(InventoryError, match="shares a line") as caught:
        eject(tmp_path)
    assert caught.value.shown_code == "E670"
    assert path.read_text() == text


def test_without_a_name_nothing_is_written(tmp_path):
    path = write(tmp_path, HEAD + SITE)
    done = run(tmp_path, "expand", "--write")
    assert "needs the Sites" in str(done.exception)
    assert path.read_text() == HEAD + SITE


def test_an_inventory_that_is_wrong_is_not_written(tmp_path):
    path = write(tmp_path, HEAD + SITE.replace("whm-1", "nowhere"))
    done = run(tmp_path, "expand", "--write", "Site/bakker.example")
    assert done.exception is not None
    assert "nowhere" in path.read_text()


BEFORE = st.sampled_from(
    ["", "# a comment\n", "Domain/b.example: {provider: none}  # b\n", "\n\n", "Domain/b.example:\n    provider:   none\n"]
)  # fmt: skip
AFTER = st.sampled_from(
    ["", "# a comment\n", "\n# two\n\nDomain/c.example: {provider: 'none'}\n", "---\nDomain/c.example:   {provider: none}\n", "# no newline"]
)  # fmt: skip
INSIDE = st.sampled_from(
    [
        "  profile: brochure\n  customer: bakker\n  server: whm-1\n  account: b\n",
        "  account: b  # who\n\n  # where\n  server: whm-1\n  profile: brochure\n  customer: bakker\n",
        "  {profile: brochure, customer: bakker,\n   server: whm-1,  # here\n   account: b}\n",
        "  profile: brochure\n  customer: bakker\n  server: whm-2\n  account: >-\n    b\n",
        "  with:\n    Domain: {dns: {records: [{name: x, type: TXT, value: \"# $$5 'q' \\\"r\\\"\"}]}}\n  profile: brochure\n  customer: bakker\n  server: whm-1\n  account: b\n  protected: true\n  uid: old.example\n  aliases: [é.example]\n",
    ]
)  # fmt: skip


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(BEFORE, INSIDE, AFTER, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_the_rest_of_the_file_stays_byte_for_byte(
    tmp_path, before, inside, after, newline, bom
):
    start = ("\ufeff" if bom else "") + HEAD + before
    whole = f"{start}Site/bakker.example:\n{inside}{after}".replace("\n", newline)
    path = write(tmp_path, whole)
    meant = digests(tmp_path)
    eject(tmp_path)
    assert digests(tmp_path) == meant
    written = path.read_bytes()
    assert written.startswith(start.replace("\n", newline).encode())
    assert written.endswith(after.replace("\n", newline).encode())
    middle = written[len(start.replace("\n", newline).encode()) :].decode()
    for comment in ("# who", "# where", "# here"):
        assert (comment in middle) is (comment in inside)
    lone = middle.replace("\r\n", "")
    assert newline == "\n" or "\n" not in lone


def test_a_share_of_all_resources_is_of_what_sites_make(tmp_path):
    write(tmp_path, HEAD + SITE)
    counts = declared(load(WorkTree(tmp_path)).refs())
    assert counts == {
        "Provider": 3, "RecordSet": 1, "Customer": 1, "Domain": 2,
        "HostingPlan": 1, "HostingAccount": 1,
        "Backup": 1, "BackupPolicy": 1, "BackupRepository": 1,
    }  # fmt: skip
