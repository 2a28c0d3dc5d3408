"""
A restore drill: what a copy gives back is looked at, and judged.

A drill that found something has not failed as an action: its receipt says so. Three
verdicts: ``passed`` only where every source gave something that could be looked at and
all of it was right; ``failed`` where the copy did not give what it promised;
``inconclusive`` where the drill itself could not be held to its end, which proves
nothing. What was found before that is kept: a failure is one whatever comes after it.

The receipt's ``details``: ``verdict``, ``why``, ``drill``, ``copy``, ``snapshots``,
``at``, ``of``, ``rpo`` and ``seconds``, rounded up (``estimated`` where a sample was
restored), ``taken`` (the same in milliseconds, as are the ``timings``), ``bytes``,
``files``, ``escrow``, ``seed``, ``confidence``, ``checks`` (check, expected, observed,
ok), ``observed`` (what the next one compares with), ``engines``, ``destroyed`` (whether
the scratch folder is gone). A journal takes no floats.
"""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from math import ceil
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from pydantic import JsonValue

from reconciler.errors import ProviderError, Rejected
from reconciler.kinds.backup import Backup, DrillIt
from reconciler.kinds.backup.facts import Verdict
from reconciler.model import Account, Receipt
from reconciler.model.backing import Backing
from reconciler.model.production import standing
from reconciler.providers._drill_cage import Deadline
from reconciler.providers._drill_course import Seen, choices, held
from reconciler.providers._drill_databases import Bench
from reconciler.providers._drill_looks import COPY, Look, Moment, confidence, why
from reconciler.providers._drill_port import (
    CANARY,
    DUMPS,
    Entry,
    Key,
    Order,
    Promise,
    Restored,
    Restorer,
    digest,
)
from reconciler.providers._drill_scratch import (
    Free,
    apart,
    cleaned,
    free,
    prepared,
    roomy,
    scratch,
)
from reconciler.providers._said import shown

__all__ = [
    "CANARY",
    "DUMPS",
    "Entry",
    "Key",
    "Order",
    "Promise",
    "Restored",
    "Restorer",
    "digest",
    "drilled",
]


#: Of an escrow key that proves nothing.
_SAME: Final = "it is the password: who loses the one has lost both"


def drilled(  # noqa: PLR0913
    change: DrillIt,
    want: Backup,
    restorer: Restorer,
    base: Path,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None],
    *,
    production: Iterable[Path] = (),
    left: Free = free,
    secrets: Sequence[str] = (),
    one_key: bool = False,
) -> Receipt:
    """
    Restore what *change* names by *restorer*, look at it, and say what was seen.

    *base* is where scratch folders go unless the policy says where; *production* what
    must not be near it, besides what *want* says; *secrets* are blotted out; *one_key*:
    the escrow key is the password, so that nothing is proven of an escrow key.

    Raises:
        Rejected: The order itself cannot be read: nothing was done.
    """
    order = Order.of(change)
    backing = want.makings.backing
    if backing is None:
        raise Rejected(f"{want.ref} has no policy", hint="plan again")
    seen = Seen()
    folder = Path(backing.drills.scratch) if backing.drills.scratch else base
    most = int(backing.drills.most)
    deadline = Deadline(backing.drills.timeout.total_seconds())
    try:
        if one_key:
            seen.looks.append(Look("escrow", "a key of its own", _SAME, ok=True))
        apart(folder, [*_production(want, backing), *production])
        cleaned(prepared(folder))
        todo = choices(order, backing, restorer, seen)
        roomy(folder, sum(one.bytes for one in todo.values()), most, left)
        with scratch(folder, seen) as room:
            now = clock()
            moment = Moment(now, order.at or now)
            bench = Bench(room, most, deadline, sleep, order.before, moment)
            held(order, restorer, todo, bench, seen)
    except Rejected as error:
        said = shown(error.what, secrets)
        seen.looks.append(Look(COPY, "gives back what it has", said, ok=False))
    except ProviderError as error:
        seen.trouble = shown(error.what, secrets)
    except (OSError, subprocess.SubprocessError) as error:
        reason = getattr(error, "strerror", None) or "it did not end"
        seen.trouble = shown(f"{type(error).__name__}: {reason}", secrets)
    return _receipt(change, order, seen, clock())


def drilled_of(
    account: Account, want: Backup, change: DrillIt, restorer: Restorer
) -> Receipt:
    """
    Drill one copy of *account*; what is kept there is production too.

    The scratch folder is the policy's, or else one of this machine's.
    """
    here = urlsplit(account.settings.get("url", ""))
    kept = [Path(unquote(here.path))] if here.scheme == "file" else []
    return drilled(
        change,
        want,
        restorer,
        Path(tempfile.gettempdir()) / "reconciler-drills",
        account.clock,
        account.sleep,
        production=kept,
        secrets=[*account.secrets.values()],
        one_key=_one_key(account, change),
    )


def _one_key(account: Account, change: DrillIt) -> bool:
    """Say whether a drill with the escrow key is none: it is the password."""
    escrow = account.secrets.get("escrowKey")
    asked = change.details.get("escrow") is True and escrow is not None
    return asked and escrow == account.secrets.get("password")


def _production(want: Backup, backing: Backing) -> Iterator[Path]:
    """Yield the folders that are backed up."""
    for source in backing.sources.values():
        root = source.root or want.spec.root
        if root is not None:
            files = [source.database] if source.type == "sqlite" else ()
            yield from map(Path, standing(root, source.paths, filter(None, files)))


def _verdict(seen: Seen) -> tuple[Verdict, str]:
    """Return the verdict, and why it is not ``passed``."""
    if wrong := why(seen.looks):
        return "failed", wrong
    if seen.trouble:
        return "inconclusive", seen.trouble
    if seen.unproven:
        return "inconclusive", f"nothing proves {', '.join(seen.unproven)}"
    if seen.destroyed is False:
        return "inconclusive", "what was restored could not be taken away again"
    return "passed", ""


def _receipt(change: DrillIt, order: Order, seen: Seen, now: datetime) -> Receipt:
    verdict, reason = _verdict(seen)
    details: dict[str, JsonValue] = {
        "verdict": verdict,
        "why": shown(reason),
        "drill": order.drill,
        "copy": change.share.provider,
        "snapshots": dict(order.snapshots),
        "at": now.isoformat(),
        "of": order.at.isoformat() if order.at else None,
        "rpo": int((now - order.at).total_seconds()) if order.at else None,
        "seed": order.seed,
        "escrow": order.key == "escrow"
        and not any(one.observed == _SAME for one in seen.looks),
        "checks": [one.row() for one in seen.looks],
        "observed": {o.check: kept(o.value) for o in seen.looks if o.value is not None},
        "timings": {name: _ms(one) for name, one in seen.timings.items()},
        "engines": list(dict.fromkeys(seen.engines)),
        "destroyed": seen.destroyed,
        **_measured(seen),
    }
    name = hashlib.sha256(f"{change.generation}{now.isoformat()}".encode())
    return Receipt(reference=f"drill-{name.hexdigest()[:16]}", details=details)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def kept(value: float) -> int | str:
    """Return a number as a journal keeps it, which takes no floats."""
    return int(value) if value == int(value) else repr(value)


def _measured(seen: Seen) -> dict[str, JsonValue]:
    """Return what was restored, and how long until everything is back."""
    back = seen.restored
    if back is None:
        return {"bytes": 0, "seconds": None, "estimated": False}
    listed = seen.timings.get("list", 0.0) + back.listed
    drawn = seen.sampled
    fetched = back.fetched + (drawn.whole - drawn.fetched if drawn else 0.0)
    taken = listed + fetched + seen.timings.get("import", 0.0)
    return {
        "bytes": back.bytes,
        "files": back.files,
        "seconds": ceil(taken),
        "taken": _ms(taken),
        "estimated": drawn is not None,
        "confidence": confidence(seen.compared, seen.files),
    }
