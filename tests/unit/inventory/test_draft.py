"""New files: how they are cut and called, and whose each line is."""

from reconciler.inventory.draft import MOST_DOCUMENTS, Document, Draft, drafts, head
from reconciler.model import Ref

FOLDER = "inventory/imported"


def documents(count, group="main", **spec):
    return [
        Document(Ref("Domain", f"d{n:04d}.example"), group, {"provider": "m", **spec})
        for n in range(count)
    ]


def paths(made, taken=()):
    return {d.path: len(d.documents) for d in drafts(made, FOLDER, taken, ["c"])}


def test_a_group_is_a_file_and_a_large_one_several():
    made = [*documents(MOST_DOCUMENTS + 1), *documents(2, "other")]
    assert paths(made) == {
        f"{FOLDER}/main.yaml": MOST_DOCUMENTS,
        f"{FOLDER}/main-2.yaml": 1,
        f"{FOLDER}/other.yaml": 2,
    }


def test_a_file_stays_far_below_the_most_that_is_read():
    made = documents(6, note="x" * 150_000)
    assert list(paths(made).values()) == [2, 2, 2]


def test_what_is_there_is_never_called_again_and_defaults_never_are():
    taken = {f"{FOLDER}/main.yaml", f"{FOLDER}/main-2.yaml"}
    assert list(paths(documents(1), taken)) == [f"{FOLDER}/main-3.yaml"]
    assert list(paths(documents(1, "_defaults"))) == [f"{FOLDER}/_defaults-2.yaml"]


def test_every_line_has_its_owner():
    first, second = documents(2)
    draft = Draft(f"{FOLDER}/main.yaml", head(f"{FOLDER}/main.yaml", ["c"]), [first, second._replace(notes=["two\nlines"])])  # fmt: skip
    lines = draft.text().splitlines()
    assert (
        lines[0]
        == "# yaml-language-server: $schema=../../schemas/inventory.schema.json"
    )
    assert "# two lines" in lines
    owners = [draft.owner(number) for number in range(1, len(lines) + 1)]
    assert owners[:3] == [None, None, None]
    assert owners[lines.index("# two lines")].ref.name == "d0001.example"
    assert owners[3].ref.name == "d0000.example"
    assert draft.owner(99) is None
