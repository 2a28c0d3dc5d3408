"""
What a WHM server tells of its accounts, in our words.

A limit is shown in MiB (``1000M``) or is ``unlimited``; use comes as ``14M``. What a
server does not tell is left out, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from reconciler.errors import ProviderError, Rejected
from reconciler.kinds.hosting_account import HostingAccount, HostingState
from reconciler.model import Absent, Observed
from reconciler.providers._answers import mapping, rows
from reconciler.providers._whm import Whm

#: How the reason of a suspension begins that this tool made.
MARKER: Final = "suspended-by-reconciler"
WANT: Final = (
    "user,domain,owner,plan,suspended,suspendreason,suspendtime,is_locked,"
    "disklimit,diskused,inodeslimit,inodesused"
)
UNREADABLE: Final = (ValueError, KeyError, TypeError, OverflowError, OSError)
MIB: Final = 1024**2
_PHP: Final = re.compile(r"^[a-z]+-php(\d)(\d+)$")
_SIZE: Final = re.compile(r"^(\d+(?:\.\d+)?)M?$")

Row = Mapping[str, Any]


def listed(whm: Whm) -> dict[str, Row]:
    """Return every account by its user name; raise where that proves nothing."""
    found: dict[str, Row] = {}
    for row in rows(whm.read("listaccts", want=WANT).get("acct"), "accounts"):
        line = mapping(row)
        user = str(line.get("user") or "")
        if not user or not line.get("domain") or user in found:
            raise Rejected("the listing is not one of accounts: it proves nothing")
        found[user] = line
    return found


def state(row: Row) -> HostingState:
    """Return an account as a line shows it; raise one of UNREADABLE where it cannot."""
    suspended, locked = _flag(row["suspended"]), _flag(row["is_locked"])
    marked = str(row["suspendreason"] or "").split()[:1] == [MARKER]
    return HostingState(
        account=str(row["user"]),
        domain=str(row["domain"]).lower(),
        package=str(row["plan"] or ""),
        suspended=suspended,
        ours=suspended and marked and not locked,
        locked=locked,
        since=_moment(row["suspendtime"]) if suspended else None,
        limits=_limits(row),
        used=used(row),
    )


def _limits(row: Row) -> dict[str, float | None]:
    """
    Return what the server limits and can be told to limit.

    How many files there may be is shown, and set by nothing that WHM has: it is no
    limit that a plan could ask for here.
    """
    known, most = limit_of(row.get("disklimit"))
    return {"disk": most} if known else {}


def used(row: Row) -> dict[str, float]:
    """Return what an account uses, of what its line tells."""
    found = {}
    disk = _SIZE.match(str(row.get("diskused", "")))
    if disk:
        found["disk"] = float(disk[1]) * MIB
    files = str(row.get("inodesused", ""))
    if files.isascii() and files.isdigit():
        found["inodes"] = float(files)
    return found


def limit_of(said: Any) -> tuple[bool, float | None]:
    """Return whether *said* is a limit in MiB, and which in bytes; None: unlimited."""
    text = str(said)
    if text == "unlimited":
        return True, None
    size = _SIZE.match(text)
    return (True, float(size[1]) * MIB) if size else (False, None)


def _flag(value: Any) -> bool:
    """Return a 0 or 1; raise ValueError for whatever else it is."""
    text = str(value)
    if isinstance(value, bool) or text not in {"0", "1"}:
        raise ValueError(f"{text!r} is neither 0 nor 1")
    return text == "1"


def _moment(value: Any) -> datetime | None:
    seconds = int(value or 0)
    return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None


def packages(whm: Whm) -> frozenset[str] | None:
    """Return the packages that accounts can be put on; None: nobody may know."""
    try:
        listing = rows(whm.read("listpkgs").get("pkg"), "packages")
    except ProviderError:
        return None
    return frozenset(str(row.get("name") or "") for row in listing)


def restored(whm: Whm) -> frozenset[str]:
    """
    Return the accounts that a backup is being restored into.

    A token that may not see the queue learns nothing, and nothing is said to be busy.
    """
    try:
        said = whm.read("restore_queue_list_active").get("restore_job")
    except ProviderError:
        return frozenset()
    jobs = rows(said, "restorations") if said is not None else []
    return frozenset(str(job.get("user") or "") for job in jobs)


def bandwidth(whm: Whm) -> dict[str, tuple[float, float | None]]:
    """Return what went out of each account in this month, and the most that may."""
    found = {}
    for row in rows(whm.read("showbw").get("acct"), "accounts"):
        total, limit = str(row.get("totalbytes")), str(row.get("limit"))
        free = limit in {"0", "unlimited"}
        if total.isdigit() and (free or limit.isdigit()):
            most = None if free else float(limit)
            found[str(row.get("user"))] = float(total), most
    return found


def sites(whm: Whm) -> dict[tuple[str, str], Row]:
    """Return the virtual hosts by account and name; raise where nobody may know."""
    said = rows(whm.read("php_get_vhost_versions").get("versions"), "sites")
    return {
        (str(row.get("account")), str(row.get("vhost")).lower()): row for row in said
    }


def php_versions(
    whm: Whm, accounts: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], str]:
    """
    Return the PHP version of the main sites of *accounts* (user and domain).

    Empty where the token may not ask: versions then are not known, and no plan is made
    of them.
    """
    try:
        known = sites(whm)
        found = {key: known[key] for key in accounts if key in known}
        versions = {key: str(site.get("version")) for key, site in found.items()}
        if "inherit" in versions.values():
            usual = str(whm.read("php_get_system_default_version").get("version"))
            versions = {k: usual if v == "inherit" else v for k, v in versions.items()}
    except ProviderError:
        return {}
    return {key: name for key, v in versions.items() if (name := version_of(v))}


def version_of(package: str) -> str | None:
    """Return the version of a package of PHP, as in ``8.3`` of ``ea-php83``."""
    match = _PHP.match(package)
    return f"{match[1]}.{match[2]}" if match else None


def names(want: HostingAccount, metric: str) -> bool:
    """Say whether *want* limits *metric*, by itself or on any of its plans."""
    limits = (want.spec.limits, *(step.limits for step in want.spec.ladder))
    return any(one.of(metric) is not None for one in limits)


# -- all that documents say something about ----------------------------------------


def completed(
    whm: Whm, wants: Sequence[HostingAccount], states: Mapping[str, Observed]
) -> Mapping[str, Observed]:
    """Return *states* with what only other listings tell, where it has to be known."""
    made = dict(states)
    with_bandwidth(whm, [want for want in wants if names(want, "bandwidth")], made)
    with_php(whm, [want for want in wants if want.spec.php != "keep"], made)
    moving = [want for want in wants if _moves(want, made[want.name])]
    if moving:
        _with_what_is_there(whm, moving, made)
    return made


def with_bandwidth(
    whm: Whm, wants: Sequence[HostingAccount], made: dict[str, Observed]
) -> None:
    """Add bandwidth to the states *made* of *wants*; leave it out where it fails."""
    if not wants:
        return
    try:
        known = bandwidth(whm)
    except ProviderError:
        return  # what was not read is compared with nothing
    for want in wants:
        state = made[want.name]
        if isinstance(state, HostingState) and state.account in known:
            total, limit = known[state.account]
            more = {
                "limits": {**state.limits, "bandwidth": limit},
                "used": {**state.used, "bandwidth": total},
            }
            made[want.name] = state.model_copy(update=more)


def with_php(
    whm: Whm, wants: Sequence[HostingAccount], made: dict[str, Observed]
) -> None:
    """Add the PHP version to the states *made* of *wants*, where it can be read."""
    live = {
        want.name: state
        for want in wants
        if isinstance(state := made[want.name], HostingState)
    }
    if not live:
        return
    main = {name: (one.account, one.domain) for name, one in live.items()}
    versions = php_versions(whm, main.values())
    for name, state in live.items():
        php = versions.get(main[name])
        made[name] = state.model_copy(update={"php": php})


def _with_what_is_there(
    whm: Whm, moving: Sequence[HostingAccount], made: dict[str, Observed]
) -> None:
    """Add which packages there are not, and what is being restored."""
    known = packages(whm) if any(_off(w, made[w.name]) for w in moving) else None
    there = any(isinstance(made[want.name], HostingState) for want in moving)
    busy = restored(whm) if there else frozenset[str]()
    for want in moving:
        state = made[want.name]
        plans = [step.package for step in want.spec.ladder]
        lacking = [name for name in plans if known is not None and name not in known]
        if isinstance(state, HostingState):
            restoring = "a backup is being restored" if state.account in busy else None
            more = {"lacking": tuple(lacking), "busy": restoring}
            made[want.name] = state.model_copy(update=more)
        elif plans and plans[0] in lacking:
            made[want.name] = Absent(lacks=plans[0])


def _off(want: HostingAccount, state: Observed) -> bool:
    """Say whether an account is on no plan that it may be on, or a policy moves it."""
    on = {step.package for step in want.spec.ladder}
    moved = want.spec.scaling is not None
    return bool(on) and (moved or getattr(state, "package", None) not in on)


def _moves(want: HostingAccount, state: Observed) -> bool:
    """Say whether *want* may have something done that depends on the server."""
    if isinstance(state, Absent):
        return bool(want.spec.ladder)
    if not isinstance(state, HostingState) or not want.meant(state):
        return False
    wanted = want.wanted
    return (
        _off(want, state)
        or wanted == "terminated"
        or (wanted == "suspended" and not state.suspended)
        or (wanted == "active" and state.ours)
    )
