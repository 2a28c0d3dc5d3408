"""Texts of one's own for notices: ``templates/<language>/<event>.txt``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from reconciler.errors import InventoryError
from reconciler.inventory.secrets import leaks
from reconciler.kinds.notification_channel import NotificationChannel
from reconciler.model.location import Location
from reconciler.notify.wording import FILES, SHIPPED, Broken, Own, check

FOLDER = "templates"
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?")
_LONGEST = 64 * 1024


def texts(root: Path) -> Own:
    """Return the texts that can be read; what is wrong with the others is not asked."""
    own, _ = _read(root)
    return own


def wrong(
    root: Path, channels: Iterable[NotificationChannel]
) -> Iterator[InventoryError]:
    """Yield what is wrong with the texts, and the languages that have none."""
    own, unreadable = _read(root)
    for one in (*unreadable, *check(own)):
        yield InventoryError(
            one.why,
            at=Location(one.file, one.line, 1),
            hint="docs/notices.md says what a text may hold; until it is mended, the "
            "shipped text is sent",
            code="E621",
        )
    known = {*SHIPPED, *(key.partition("/")[0] for key in own)}
    for want in channels:
        language = want.spec.language
        if not {language, language.partition("-")[0]} & known:
            yield InventoryError(
                f"{want.ref}: spec.language: there are no texts in {language}",
                at=want.at("spec.language"),
                hint=f"there are {', '.join(sorted(known))}; or write "
                f"{FOLDER}/{language}/digest.txt and the others",
                code="E621",
            )


def _read(root: Path) -> tuple[dict[str, tuple[str, str]], list[Broken]]:
    own: dict[str, tuple[str, str]] = {}
    found: list[Broken] = []
    folder = root / FOLDER
    if not folder.is_dir() or folder.is_symlink():
        return own, found
    for path in sorted(folder.glob("*/*")):
        file = path.relative_to(root).as_posix()
        language, name = path.parent.name, path.stem
        if not _LANGUAGE.fullmatch(language):
            found.append(Broken(file, 1, "the folder of a text is a language: nl"))
        elif path.suffix != ".txt" or name not in FILES:
            known = ", ".join(sorted(FILES))
            found.append(Broken(file, 1, f"is no text of a notice; there are {known}"))
        elif isinstance(text := _text(path), Broken):
            found.append(text._replace(file=file))
        else:
            own[f"{language}/{name}"] = (file, text)
    return own, found


def _text(path: Path) -> str | Broken:
    if path.is_symlink() or path.parent.is_symlink() or not path.is_file():
        return Broken("", 1, "is no file of its own: a link is not followed")
    raw = path.read_bytes()[: _LONGEST + 1]
    if len(raw) > _LONGEST:
        return Broken("", 1, "is longer than 64 KiB")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        return Broken("", line, "is not UTF-8")
    leak = next(leaks(text), None)
    return Broken("", leak.line, f"holds {leak.what}") if leak else text
