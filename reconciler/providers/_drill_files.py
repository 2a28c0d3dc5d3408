"""
Files that came back: which ones are asked for, and whether they are what they were.

They are compared with the manifest of when they were backed up, not with what is there
today. What a manifest cannot tell (that they were encrypted before that) their content
does: text decodes, pictures begin as pictures begin.
"""

from __future__ import annotations

import hashlib
import math
import os
import random
import re
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, Final, NamedTuple

from reconciler.model.backing import Expect, Source
from reconciler.model.paths import plain
from reconciler.providers._drill_looks import Look, asked, dropped
from reconciler.providers._drill_port import CANARY, DUMPS, Entry, Promise, digest
from reconciler.providers._odd_names import ODD, told_as

#: What a site does not start without, wherever it is.
_CONFIGURATION: Final = (
    ".env", ".htaccess", "composer.json", "config.*", "configuration.php",
    "index.html", "index.php", "settings.*", "wp-config.php",
)  # fmt: skip
_TEXTS: Final = frozenset({
    "conf", "css", "csv", "env", "htm", "html", "ini", "js", "json", "md", "php", "py",
    "rb", "scss", "sh", "sql", "svg", "toml", "ts", "txt", "xml", "yaml", "yml",
})  # fmt: skip
_BEGINNINGS: Final[Mapping[str, tuple[bytes, ...]]] = {
    "gif": (b"GIF8",),
    "gz": (b"\x1f\x8b",),
    "ico": (b"\x00\x00\x01\x00", b"\x89PNG"),
    "jpeg": (b"\xff\xd8\xff",),
    "jpg": (b"\xff\xd8\xff",),
    "pdf": (b"%PDF",),
    "png": (b"\x89PNG\r\n\x1a\n",),
    "webp": (b"RIFF",),
    "zip": (b"PK",),
}
_IMAGES: Final = frozenset(["gif", "ico", "jpeg", "jpg", "png", "webp"])
_HEAD: Final = 64 * 1024
_CHUNK: Final = 1024 * 1024
#: Bytes of text are mostly printable ASCII, even in Latin-1; 38 % of random ones are.
_PRINTABLE: Final = 0.7
#: So many files have to be odd, and such a share: a site has odd files.
_ODD: Final = 3
_SHARE: Final = 0.05
_RANDOM_BITS: Final = 7.2
_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


class Found(NamedTuple):
    """The regular files that came back, and what was looked at of them."""

    folder: Path
    sizes: Mapping[str, int]


def found(folder: Path) -> Found:
    """Return the regular files below *folder*; no link is followed."""
    sizes = {}
    for inner, _, names in os.walk(folder):
        for name in names:
            path = Path(inner, name)
            told = path.lstat()
            if stat.S_ISREG(told.st_mode):
                sizes[path.relative_to(folder).as_posix()] = told.st_size
    return Found(folder, sizes)


def chosen(
    source: Source, listing: Sequence[Entry], count: int | None, seed: str
) -> list[str] | None:
    """
    Return the files to restore: *count* at random, and those that matter anyway.

    The same *seed* chooses the same files of the same listing. None: all of them.
    """
    if count is None or count >= len(listing) or source.type != "files":
        return None
    paths = sorted(one.path for one in listing)
    draw = random.Random(hashlib.sha256(seed.encode()).digest())  # noqa: S311
    picked = set(draw.sample(paths, count))
    for expect in source.expect:
        if expect.path:
            picked.update({expect.path} & set(paths))
        if expect.glob and (expect.type or expect.contains):
            matching = list(matches(expect.glob, paths))
            picked.update(draw.sample(matching, min(count, len(matching))))
        if expect.http:
            picked.update(served(source, expect.http, paths))
    picked.update(one for one in paths if one == CANARY or _configures(one))
    return sorted(picked)


def _configures(path: str) -> bool:
    """Whether *path* is configuration, near the top: deeper there are thousands."""
    *folders, name = path.split("/")
    return len(folders) <= 1 and any(fnmatchcase(name, p) for p in _CONFIGURATION)


def matches(pattern: str, paths: Iterable[str]) -> Iterator[str]:
    """Yield the *paths* of *pattern*: ``*`` within a folder, ``**`` across them."""
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    made = re.compile(
        "".join(
            words.get(part) or re.escape(part)
            for part in re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
        )
    )
    return (one for one in paths if made.fullmatch(one))


def served(source: Source, path: str, paths: Iterable[str]) -> list[str]:
    """Return the file that answers *path*, of the folder that is served; or none."""
    there = set(paths)
    inside = path.split("?", 1)[0].strip("/")
    roots = [*source.paths, ""] if len(source.paths) == 1 else [""]
    for root in roots:
        whole = "/".join(part for part in (root.strip("/"), inside) if part)
        for name in (whole, f"{whole}/index.html".lstrip("/")):
            if name in there:
                return [name]
    return []


def intact(
    name: str,
    back: Found,
    manifest: Sequence[Entry] | None,
    promise: Promise,
    asked_for: Sequence[str] | None,
) -> tuple[list[Look], int]:
    """Compare what came *back* with the manifest; return how many were compared too."""
    if manifest is None:
        if asked_for is not None or promise.manifest is None:
            return [], 0
        seen = digest(
            Entry(path, size, hashed(back.folder / path))
            for path, size in back.sizes.items()
        )
        same = seen == promise.manifest
        look = Look(f"{name}/manifest", promise.manifest[:16], seen[:16], same)
        return [look], len(back.sizes) if same else 0
    looks = []
    if promise.manifest is not None:
        seen = digest(manifest)
        same = seen == promise.manifest
        looks.append(Look(f"{name}/manifest", promise.manifest[:16], seen[:16], same))
    wanted = set(asked_for) if asked_for is not None else None
    told = [one for one in manifest if wanted is None or one.path in wanted]
    wrong = differing(told, back)
    unknown = sorted((wanted or set()) - {one.path for one in told})
    bad = len(wrong) + len(unknown)
    said = (
        f"{bad} differ: {', '.join([*wrong, *unknown][:3])}" if bad else f"{len(told)}"
    )
    looks.append(
        Look(f"{name}/content", f"{len(told)} files, as backed up", said, not bad)
    )
    return looks, len(told) - len(wrong)


def differing(told: Iterable[Entry], back: Found) -> list[str]:
    """
    Return the paths of what did not come back as it was *told*, or not at all.

    Two names that are no UTF-8 may be told as one. Which is which, nobody can tell;
    how many there are of each size, everybody can.
    """
    odd = Counter(
        (name, size)
        for path, size in back.sizes.items()
        if ODD in (name := told_as(path))
    )
    wrong = []
    for one in told:
        if ODD not in one.path or one.sha256:
            same = _same(one, back)
        else:
            path = plain(one.path)
            same = odd[path, one.size] > 0
            odd[path, one.size] -= 1
        if not same:
            wrong.append(one.path)
    return wrong


def _same(entry: Entry, back: Found) -> bool:
    path = plain(entry.path)  # old manifests have ./a
    if back.sizes.get(path) != entry.size:
        return False
    return not entry.sha256 or hashed(back.folder / path) == entry.sha256


def counted(
    name: str, source: Source, listing: Sequence[Entry], promise: Promise
) -> list[Look]:
    """Compare the numbers of a snapshot with its receipt, and the policy's floors."""
    files, size = len(listing), sum(one.size for one in listing)
    looks = []
    if promise.files is not None:
        ok = files == promise.files
        looks.append(Look(f"{name}/files", f"{promise.files}", f"{files}", ok))
    if promise.bytes is not None:
        ok = size == promise.bytes
        looks.append(Look(f"{name}/bytes", f"{promise.bytes}", f"{size}", ok))
    least, smallest = source.min_files, int(source.min_bytes or 0)
    if files < least or size < smallest:
        floor = f"at least {least} files, {smallest} bytes"
        looks.append(Look(f"{name}/least", floor, f"{files}, {size}", ok=False))
    return looks


def canary(name: str, back: Found, promise: Promise) -> list[Look]:
    """Compare the number that was used once: other backups have another."""
    if promise.canary is None:
        return []
    there = CANARY in back.sizes
    seen = hashed(back.folder / CANARY) if there else "not there"
    same = seen == promise.canary
    return [Look(f"{name}/canary", promise.canary[:16], seen[:16], same)]


def expected(
    name: str,
    source: Source,
    back: Found,
    listing: Sequence[Entry],
    before: Mapping[str, float],
) -> list[Look]:
    """Judge what the policy expects of files; *before*: by check, what was seen."""
    looks = []
    paths = [plain(one.path) for one in listing]
    for expect in source.expect:
        if expect.path:
            looks.append(_path(name, expect, back))
        elif expect.glob:
            look = _glob(name, expect, back, paths)
            looks.append(look)
            if look.value is not None:
                looks += dropped(name, expect, look.value, before.get(look.check))
    return looks


def _path(name: str, expect: Expect, back: Found) -> Look:
    path, check = str(expect.path), asked(name, expect)
    if path not in back.sizes:
        return Look(check, "there", "not there", ok=False)
    if expect.contains and not _contains(back.folder / path, expect.contains):
        return Look(check, "has the text of `contains`", "has not", ok=False)
    if expect.type and (odd := _odd(back, path, expect.type)):
        return Look(check, expect.type, odd, ok=False)
    return Look(check, "there", "there", ok=True)


def _glob(name: str, expect: Expect, back: Found, paths: Sequence[str]) -> Look:
    check, least = asked(name, expect), expect.min if expect.min is not None else 1
    there = list(matches(str(expect.glob), paths))
    if len(there) < least:
        return Look(check, f"at least {least}", f"{len(there)}", ok=False)
    here = [one for one in there if one in back.sizes]
    if expect.type:
        odd = [one for one in here if _odd(back, one, expect.type)]
        if odd or (least and not here):
            said = f"{len(odd)} of {len(here)} are not"
            return Look(check, expect.type, said, ok=False)
    if expect.contains:
        without = [o for o in here if not _contains(back.folder / o, expect.contains)]
        if without or (least and not here):
            said = f"{len(without)} of {len(here)} have not"
            return Look(check, "have the text of `contains`", said, ok=False)
    seen = len(there)
    return Look(check, f"at least {least}", f"{seen}", ok=True, value=float(seen))


def readable(name: str, back: Found) -> list[Look]:
    """Say whether files are what their names say; many that are not were encrypted."""
    judged, odd, random_ = 0, 0, 0
    for path in back.sizes:
        ending = path.rsplit(".", 1)[-1].lower()
        if back.sizes[path] == 0 or path in DUMPS.values():
            continue
        if ending in _TEXTS or ending in _BEGINNINGS:
            judged += 1
            if _odd(back, path, "text" if ending in _TEXTS else ending):
                odd += 1
                random_ += entropy(_head(back.folder / path)) > _RANDOM_BITS
    if not judged:
        return []
    bad = odd >= max(_ODD, judged * _SHARE) or odd == judged
    said = f"{odd} of {judged} are not"
    if bad and random_:
        said += f", {random_} look encrypted"
    return [Look(f"{name}/readable", "files are what their names say", said, not bad)]


def _odd(back: Found, path: str, kind: str) -> str:
    """Return what the file is not; empty where it is what *kind* says."""
    if back.sizes[path] == 0:
        return "empty"
    head = _head(back.folder / path)
    if kind == "text":
        return "" if _textual(head) else "no text"
    begins = (
        tuple(b for one in sorted(_IMAGES) for b in _BEGINNINGS[one])
        if kind == "image"
        else _BEGINNINGS[kind]
    )
    textual = kind == "image" and b"<svg" in head[:1024] and _textual(head)
    return "" if head.startswith(begins) or textual else f"no {kind}"


def _textual(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        if error.start >= len(head) - 3 and len(head) == _HEAD:
            return True  # cut within a character
        plain = sum(32 <= one < 127 or one in b"\t\r\n" for one in head)  # noqa: PLR2004
        return plain >= _PRINTABLE * len(head) or head.startswith(_MARKS)
    return b"\0" not in head


def entropy(data: bytes) -> float:
    """Return the bits in a byte of *data*: text has 4 to 6, what is random nearly 8."""
    counts, whole = Counter(data), len(data)
    return -sum(n / whole * math.log2(n / whole) for n in counts.values())


def hashed(path: Path) -> str:
    """Return the SHA-256 of a regular file."""
    whole = hashlib.sha256()
    with _opened(path) as file:
        while chunk := file.read(_CHUNK):
            whole.update(chunk)
    return whole.hexdigest()


def _head(path: Path) -> bytes:
    with _opened(path) as file:
        return file.read(_HEAD)


def _contains(path: Path, text: str) -> bool:
    sought, kept = text.encode(), b""
    with _opened(path) as file:
        while chunk := file.read(_CHUNK):
            if sought in kept + chunk:
                return True
            kept = chunk[-len(sought) :]
    return False


def content(back: Found, path: str) -> bytes:
    """Return what is in one file that came back."""
    with _opened(back.folder / path) as file:
        return file.read()


def _opened(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")
