"""Whatever is changed in the log is found and named."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from reconciler.audit import Base, Batch, GitStore, rebuild, verify
from reconciler.audit.objects import list_tree
from reconciler.errors import Tampered
from tests.unit.audit.world import NOW, TERM, git, intent, outcome, run, store

Another = Callable[[], GitStore]
AUDIT = "refs/heads/reconciler/audit/main"
A, B, C = (intent(f"{name}.example") for name in "abc")
FIRST, SECOND = (f"log/2026/11/22/{run(n).id}/" for n in (1, 2))
INTENTS, OUTCOMES = f"{FIRST}010-intents.jsonl", f"{FIRST}020-outcomes.jsonl"
LATER = f"{SECOND}010-intents.jsonl"


class Commit(NamedTuple):
    message: str
    files: dict[str, bytes]

    def having(self, path: str, raw: bytes | None) -> Commit:
        files = {p: old for p, old in self.files.items() if p != path}
        return Commit(self.message, files if raw is None else {**files, path: raw})


@pytest.fixture(scope="session")
def chronicle(templates: Path) -> tuple[Path, list[Commit]]:
    """Return a journal of two runs, three commits and nine lines."""
    root = shutil.copytree(templates / "local", templates / "written")
    made = store(root)
    head = git(root, "rev-parse", "HEAD")
    lease = made.acquire(run(1), now=NOW, lease=TERM)
    first = Batch([A, B], phase="intents", plan={"digest": "p"})
    _, lease = made.commit(lease, first, now=NOW)
    done = [outcome(A), outcome(B, "unknown")]
    second = Batch(done, Base(commit=head), phase="outcomes")
    _, lease = made.commit(lease, second, now=NOW)
    made.release(lease)
    lease = made.acquire(run(2), now=NOW, lease=TERM)
    _, lease = made.commit(lease, Batch([C], phase="intents"), now=NOW)
    made.release(lease)
    assert verify(made) == []
    return root, [read(root, oid) for oid in commits(root)]


def commits(root: Path) -> list[str]:
    return git(root, "rev-list", "--reverse", AUDIT).split()


def read(root: Path, oid: str) -> Commit:
    git_ = store(root).git
    files = {
        p: git_.ask("cat-file", "blob", b) for p, b in list_tree(git_, oid).items()
    }
    return Commit(git(root, "log", "-1", "--format=%B", oid) + "\n", files)


@pytest.fixture
def written(chronicle: tuple[Path, list[Commit]], tmp_path: Path) -> GitStore:
    return store(shutil.copytree(chronicle[0], tmp_path / "written"))


@pytest.fixture
def history(chronicle: tuple[Path, list[Commit]]) -> list[Commit]:
    return list(chronicle[1])


def forge(store: GitStore, history: list[Commit], onto: str | None = None) -> str:
    """Write a whole history as somebody with all rights and all the skill."""
    stream = b""
    for number, (message, files) in enumerate(history):
        who = "reconciler <reconciler@example.com> 1795327200 +0000"
        start = f"from {onto}\n" if onto and not number else ""
        text = f"commit refs/forged\ncommitter {who}\ndata {len(message.encode())}\n"
        stream += f"{text}{message}\n{start}deleteall\n".encode()
        for path, raw in files.items():
            stream += (
                f"M 100644 inline {path}\ndata {len(raw)}\n".encode() + raw + b"\n"
            )
    store.git.ask("fast-import", "--quiet", "--force", data=stream)
    git(store.root, "update-ref", AUDIT, "refs/forged")
    return git(store.root, "rev-parse", AUDIT)


def edited(
    store: GitStore, history: list[Commit], path: str, change: Callable[[bytes], bytes]
) -> None:
    """Write the history again with another content of one file."""
    new = [
        c.having(path, change(c.files[path])) if path in c.files else c for c in history
    ]
    assert new != history
    forge(store, new)


def found(store: GitStore) -> str:
    problems = verify(store)
    assert problems
    return "\n".join(map(str, problems))


def lines_of(raw: bytes) -> list[bytes]:
    return raw.splitlines(keepends=True)


@pytest.mark.parametrize(
    ("path", "number"),
    [
        (path, n)
        for path, m in ((INTENTS, 4), (OUTCOMES, 3), (LATER, 2))
        for n in range(m)
    ],
)
@pytest.mark.parametrize("how", ["edited", "deleted"])
def test_a_line_that_was_changed_is_named(
    written: GitStore, history: list[Commit], path: str, number: int, how: str
) -> None:
    def change(raw: bytes) -> bytes:
        lines = lines_of(raw)
        new = lines[number].replace(b'"actor":"ci"', b'"actor":"me"')
        lines[number] = new if how == "edited" else b""
        return b"".join(lines)

    edited(written, history, path, change)
    said = found(written)
    last = number == len(lines_of(history[-1].files[path])) - 1
    if path == LATER and last:
        # Nothing follows the last line: what the head says of it is left.
        assert "head.json: is not what the log makes of it" in said
    elif how == "deleted" and last:
        assert f"({path}:{number})" in said
    else:
        assert f"{path}:{number + 1}" in said


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b'{"a":1}', "this is no line of a journal"),
        (b"{", "this is no line of a journal"),
        (b"[]", "this is no line of a journal"),
        (b"\xff", "this is no line of a journal"),
        (b'{"a": 1}', "this is no line of a journal"),
        (None, "this line is not in its canonical form"),
    ],
)
def test_what_is_no_line_is_named(
    written: GitStore, history: list[Commit], text: bytes | None, what: str
) -> None:
    def change(raw: bytes) -> bytes:
        first, *rest = lines_of(raw)
        spaced = first.replace(b'":', b'": ').removesuffix(b"\n")
        return b"".join([(spaced if text is None else text) + b"\n", *rest])

    edited(written, history, OUTCOMES, change)
    assert f"{OUTCOMES}:1: {what}" in found(written)


def test_two_lines_that_were_swapped_are_named(
    written: GitStore, history: list[Commit]
) -> None:
    def change(raw: bytes) -> bytes:
        one, two, *rest = lines_of(raw)
        return b"".join([two, one, *rest])

    edited(written, history, INTENTS, change)
    assert f"{INTENTS}:1: is line 2 of the journal, after line 0" in found(written)


def test_a_cut_line_and_a_foreign_line_are_named(
    written: GitStore, history: list[Commit]
) -> None:
    edited(written, history, LATER, lambda raw: raw.rstrip(b"\n"))
    assert f"{LATER}: the last line is cut off" in found(written)
    one, two = run(2).id.encode(), run(3).id.encode()
    edited(written, history, LATER, lambda raw: raw.replace(one, two))
    assert f"{LATER}:2: belongs to run {run(3).id}" in found(written)


@pytest.mark.parametrize(
    ("order", "where"),
    [
        ((0, 2), f"{LATER}:1: is line 8 of the journal, after line 4"),
        ((1, 2), f"{OUTCOMES}:1: is line 5 of the journal, after line 0"),
        ((0, 2, 1), f"{LATER}:1: is line 8 of the journal, after line 4"),
        ((2,), f"{LATER}:1: is line 8 of the journal, after line 0"),
    ],
)
def test_commits_that_were_dropped_or_reordered_are_named(
    written: GitStore, history: list[Commit], order: tuple[int, ...], where: str
) -> None:
    before = [{}, *(c.files for c in history[:-1])]
    added = [
        {p: raw for p, raw in now.files.items() if old.get(p) != raw}
        for old, now in zip(before, history, strict=True)
    ]
    files: dict[str, bytes] = {}
    new = []
    for number in order:
        files = {**files, **added[number]}
        new.append(Commit(history[number].message, files))
    forge(written, new)
    assert where in found(written)


def later(store: GitStore, history: list[Commit], path: str, raw: bytes | None) -> str:
    """Commit another content of *path* on top of everything."""
    return forge(store, [history[-1].having(path, raw)], onto=commits(store.root)[-1])


@pytest.mark.parametrize("path", [INTENTS, f"{FIRST}000-run.json", OUTCOMES])
def test_an_old_file_that_a_later_commit_changes_is_named(
    written: GitStore, history: list[Commit], path: str
) -> None:
    raw = history[-1].files[path].replace(b"ci", b"me")
    tip = later(written, history, path, raw)
    edit = f"{path}: a file of the log was edited (commit {tip[:12]})"
    assert edit in found(written)
    tip = later(written, history, path, None)
    removal = f"{path}: a file of the log was removed (commit {tip[:12]})"
    said = found(written)
    assert edit in said
    assert removal in said


@pytest.mark.parametrize(
    ("path", "raw"),
    [
        ("base.json", None),
        ("head.json", None),
        ("head.json", b"{}"),
        ("spend/2026-11.json", b'{"month":"2026-11"}\n'),
        ("records/Domain/a.example.json", None),
        ("records/Domain/a.example.json", b'{"kind":"Domain","uid":"a.example"}\n'),
        (f"open/{B.id}.json", None),
        ("records/Domain/new.json", b'{"kind":"Domain","uid":"new"}\n'),
    ],
)
def test_a_derived_document_that_was_changed_is_named_and_mended(
    written: GitStore, history: list[Commit], path: str, raw: bytes | None
) -> None:
    tip = later(written, history, path, raw)
    makes = "made by the log" if "new" in path else "what the log makes of it"
    (problem,) = verify(written)
    assert str(problem) == f"{path}: is not {makes} (commit {tip[:12]})"

    assert rebuild(written, run(5), now=NOW, lease=TERM) == (path,)
    assert verify(written) == []
    tip = git(written.root, "rev-parse", AUDIT)
    assert rebuild(written, run(6), now=NOW, lease=TERM) == ()
    assert git(written.root, "rev-parse", AUDIT) == tip


@pytest.mark.parametrize("name", ["000-run.json", "plan.json"])
def test_a_file_beside_the_log_is_part_of_the_chain(
    written: GitStore, history: list[Commit], name: str
) -> None:
    edited(written, history, FIRST + name, lambda raw: b"{}\n")
    assert f"{FIRST}{name}: is not the file whose hash the log holds" in found(written)
    forge(written, [c.having(FIRST + name, None) for c in history])
    assert f"{FIRST}{name}: is not the file whose hash the log holds" in found(written)


def test_a_file_that_nobody_wrote_is_named(
    written: GitStore, history: list[Commit]
) -> None:
    later(written, history, "README.md", b"hi\n")
    later(written, history, f"{SECOND}x.txt", b"hi\n")
    said = found(written)
    assert "README.md" not in said
    assert f"{SECOND}x.txt: is not the file whose hash the log holds" in said
    later(written, history, "README.md", b"hi\n")
    assert "README.md: is not made by the log" in found(written)


def test_a_joined_history_is_named(written: GitStore) -> None:
    parents = ("-p", AUDIT, "-p", "main")
    merge = git(written.root, "commit-tree", f"{AUDIT}^{{tree}}", *parents, "-m", "x")
    git(written.root, "update-ref", AUDIT, merge)
    assert "a commit joins or begins another history" in found(written)


def test_a_cut_end_is_found_by_who_remembers_the_head(written: GitStore) -> None:
    head = written.read().head
    assert head
    assert verify(written, since=head) == []
    git(written.root, "update-ref", AUDIT, f"{AUDIT}~1")
    problems = verify(written, since=head)
    assert [p.where for p in problems] == [AUDIT]
    assert f"the remembered head {head} is not in it" in problems[0].what


def test_a_history_rewritten_with_all_skill_is_found_by_its_old_head(
    written: GitStore,
) -> None:
    head = written.read().head
    for ref in (AUDIT, "refs/reconciler/main/applied"):
        git(written.root, "update-ref", "-d", ref)
    forged = store(written.root)
    lease = forged.acquire(run(9), now=NOW, lease=TERM)
    forged.commit(lease, Batch([A]), now=NOW)
    assert verify(forged) == []
    assert "was rewritten" in str(verify(forged, since=head))


def test_an_outcome_without_an_intent_is_named(
    written: GitStore, history: list[Commit]
) -> None:
    one, two = A.id.encode(), b"f" * 32
    edited(written, history, OUTCOMES, lambda raw: raw.replace(one, two))
    said = f"{OUTCOMES}:2: {'f' * 32} has an outcome but no open intent"
    assert said in found(written)


def test_an_outcome_beside_its_intent_is_named(
    written: GitStore, history: list[Commit]
) -> None:
    forge(written, history[1:])
    said = f"{OUTCOMES}:2: {A.id} has an outcome in the same commit as its intent"
    assert said in found(written)


def test_a_line_under_an_older_fence_is_named(written: GitStore) -> None:
    lease = written.acquire(run(3), now=NOW, lease=TERM)
    written.commit(lease._replace(fence=1), Batch([outcome(C)]), now=NOW)
    assert "010-notes.jsonl:1: was written under fence 1, after 2" in found(written)


def test_no_second_chain_is_begun_where_the_head_is_gone(
    written: GitStore, history: list[Commit]
) -> None:
    later(written, history, "head.json", None)
    fresh = store(written.root)
    lease = fresh.acquire(run(3), now=NOW, lease=TERM)
    with pytest.raises(Tampered, match=r"head\.json on the audit branch is not what"):
        fresh.commit(lease, Batch([outcome(C)]), now=NOW)


def test_what_no_writer_would_write_is_named(
    written: GitStore, history: list[Commit]
) -> None:
    one, two = rb'"commit":"\w{40}"', b'"commit":["x"]'
    edited(written, history, OUTCOMES, lambda raw: re.sub(one, two, raw))
    assert f"{OUTCOMES}:1: holds what no writer would have written" in found(written)


def test_refs_that_were_set_back_are_named(written: GitStore) -> None:
    git(written.root, "update-ref", "-d", "refs/reconciler/main/applied")
    assert "refs/reconciler/main/applied: points to nothing" in found(written)
    git(written.root, "update-ref", "-d", "refs/reconciler/main/lock")
    assert "refs/reconciler/main/lock: was set back below fence 2" in found(written)


def test_nothing_is_rebuilt_from_a_damaged_log(
    written: GitStore, history: list[Commit]
) -> None:
    edited(written, history, INTENTS, lambda raw: raw.replace(b"ci", b"me"))
    with pytest.raises(Tampered, match="the log is damaged"):
        rebuild(written, run(5), now=NOW, lease=TERM)
    assert written.acquire(run(6), now=NOW, lease=TERM)


def test_an_empty_journal_is_sound(journal: Another) -> None:
    assert verify(journal()) == []
    assert verify(journal(), since="x") != []
