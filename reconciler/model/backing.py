"""
How something is backed up, and what proves it.

Nouns that several kinds share: a BackupPolicy says them once for many, a Backup of one
site has them with what it says otherwise, a BackupRepository says where copies are.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

from reconciler.model.base import Spec
from reconciler.model.calendar import Duration
from reconciler.model.cron import Cron
from reconciler.model.money import Money
from reconciler.model.paths import apart
from reconciler.model.quantity import Percent, Size
from reconciler.model.ref import NAMES_OF, To
from reconciler.model.secret import SecretRef

#: So many files drawn at random say with 95 % confidence that less than 1 % are bad.
SAMPLE: Final = 299
Path = Annotated[str, Field(min_length=1, max_length=1024)]
Program = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)
]
#: What may be said besides of each thing that is expected; the rest is never looked at.
_BESIDES: Final[Mapping[str, tuple[str, ...]]] = {
    "path": ("contains", "type"),
    "glob": ("contains", "type", "min", "max_drop"),
    "sql": ("min", "max_drop", "max_age"),
    "http": ("contains", "status"),
}
_DATABASES: Final = frozenset({"mysql", "postgres", "sqlite"})
_FOUND: Final = 200


class Objectives(Spec):
    """
    What was promised.

    Attributes:
        rpo: How old the newest proven backup may be.
        rto: How long it may take until everything is back.
    """

    rpo: Duration
    rto: Duration


class Schedule(Spec):
    """
    When a backup is due.

    Attributes:
        cron: Five fields, by the clock on the wall of ``time_zone``.
        by: Who makes it: ``reconciler`` in its own run, ``host`` by a timer of its own,
            ``panel`` by the panel's schedule. What others make is proven from here.
    """

    cron: Cron = Cron.of("15 2 * * *")
    time_zone: str = "UTC"
    by: Literal["reconciler", "host", "panel"] = "reconciler"

    @field_validator("time_zone")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError("write a time zone, as in Europe/Amsterdam") from None
        return value


class Expect(Spec):
    """
    One thing that has to be true of what came back; exactly one of the first four.

    Attributes:
        path: A file, relative to the source: it has to be there.
        glob: Files: there have to be ``min`` of them, or one.
        sql: A query with one value: a number, or a time where ``max_age`` is said.
        http: A path that is asked of the restored files, served on this machine.
        contains: Text in the file, in each of them, or in the answer; not of ``sql``.
        type: What the files are: ``image`` or ``text``; of ``path`` and ``glob``.
        min: The least value, or number of files; of ``glob`` and ``sql``.
        max_drop: By how much the value, or number of files, may be less than in an
            older backup, the newest of those that were drilled.
        max_age: How old the value, a time, may have been when it was backed up.
        status: Of the answer.
    """

    path: Path | None = None
    glob: Path | None = None
    sql: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    http: Annotated[str, Field(pattern=r"^/")] | None = None
    contains: Annotated[str, Field(min_length=1)] | None = None
    type: Literal["image", "text"] | None = None
    min: Annotated[int, Field(ge=0)] | None = None
    max_drop: Percent | None = None
    max_age: Duration | None = None
    status: Annotated[int, Field(ge=100, le=599)] = _FOUND

    @property
    def kind(self) -> str:
        """Which of the four it is."""
        return next(name for name in _BESIDES if getattr(self, name))

    @property
    def proves(self) -> bool:
        """Whether it fails where nothing at all came back."""
        if self.glob:
            return self.min is None or self.min > 0
        return not self.http or self.status == _FOUND

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(bool(getattr(self, name)) for name in _BESIDES) != 1:
            raise ValueError("write exactly one of path, glob, sql and http")
        fits = _BESIDES[self.kind]
        for name in dict.fromkeys(one for some in _BESIDES.values() for one in some):
            default = type(self).model_fields[name].default
            if name not in fits and getattr(self, name) != default:
                what = ", ".join(map(to_camel, fits))
                raise ValueError(
                    f"{to_camel(name)} says nothing of {self.kind}, which takes {what}"
                )
        if self.sql and self.min is None and self.max_age is None:
            raise ValueError("sql needs min or maxAge: what has the value to be?")
        if self.max_age is not None and (self.min, self.max_drop) != (None, None):
            raise ValueError(
                "maxAge is of a time, min and maxDrop of a number: ask twice"
            )
        return self


class Source(Spec):
    """
    One thing that is backed up, as a snapshot of its own.

    Attributes:
        type: ``files``, a database, or ``panel``: the panel's own archive.
        root: The folder that ``paths`` are in; of ``panel`` it is the account's home.
        paths: Relative to *root*, which is ``.`` itself; none in another one.
        exclude: Patterns of what is left out.
        database: Its name; of ``sqlite`` its file, relative to *root*; of ``panel`` the
            one of its dumps (MySQL) that is loaded in drills.
        connection: How the dump reaches it, where it is no local socket: a URL, of
            MySQL also an option file or its path. What it says is followed or refused.
        min_files, min_bytes: Less than this is no backup.
        canary: A small file with a number that is used once is put into it, and has to
            come back.
        expect: What has to be true of what comes back.
    """

    type: Literal["files", "mysql", "postgres", "sqlite", "panel"] = "files"
    root: Path | None = None
    paths: tuple[Path, ...] = ()
    exclude: tuple[Path, ...] = ()
    database: Annotated[str, Field(pattern=r"^[A-Za-z0-9_./-]{1,128}$")] | None = None
    connection: SecretRef | None = None
    min_files: Annotated[int, Field(ge=0)] = 1
    min_bytes: Size | None = None
    canary: bool = True
    expect: tuple[Expect, ...] = ()

    @field_validator("paths")
    @classmethod
    def _apart(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        if any(one.startswith("/") or ".." in one.split("/") for one in paths):
            raise ValueError("paths are relative to root, without ..")
        return apart(paths)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.type == "files" and not self.paths:
            raise ValueError("files need paths, as in paths: [public_html]")
        if self.type == "sqlite" and self.database is None:
            raise ValueError("sqlite needs database: the file")
        if (
            self.type == "panel"
            and not self.database
            and any(one.sql for one in self.expect)
        ):
            raise ValueError("sql of a panel's archive needs database: which dump")
        self._apply()
        proven = self.canary or any(one.proves for one in self.expect)
        if self.type == "files" and not proven:
            raise ValueError(
                "nothing would prove what comes back: write expect that fails where "
                "nothing is, or canary: true"
            )
        return self

    def _apply(self) -> None:
        """See that what is expected can be looked at here: else nobody ever would."""
        for index, one in enumerate(self.expect):
            database = self.type in _DATABASES
            if self.type != "panel" and database != (one.kind == "sql"):
                fits = "sql" if database else "path, glob or http"
                raise ValueError(
                    f"expect[{index}]: {one.kind} is not looked at in {self.type}: "
                    f"write {fits}"
                )


class Keep(Spec):
    """
    What is kept, as ``restic forget`` counts; the newest of each period.

    Attributes:
        last: So many, whenever they were.
        within: Everything of this time: what an attacker adds pushes none of it out.
        least: Never fewer than these.
    """

    last: Annotated[int, Field(ge=0, le=10_000)] = 0
    hourly: Annotated[int, Field(ge=0, le=10_000)] = 0
    daily: Annotated[int, Field(ge=0, le=10_000)] = 14
    weekly: Annotated[int, Field(ge=0, le=10_000)] = 8
    monthly: Annotated[int, Field(ge=0, le=10_000)] = 12
    yearly: Annotated[int, Field(ge=0, le=10_000)] = 0
    within: Duration = timedelta(days=14)
    least: Annotated[int, Field(ge=1, le=10_000)] = 7


def _or_a_name(schema: dict[str, Any]) -> None:
    """Say in *schema* that the name alone may be written too."""
    whole = dict(schema)
    schema.clear()
    schema["description"] = whole.get("description", "")
    schema["anyOf"] = [whole, {"type": "string", NAMES_OF: "BackupRepository"}]


class Copy(Spec):
    """
    One place that has a copy; a bare name in YAML is ``repository``.

    Attributes:
        repository: The first one is written to, the others are copied to.
        off_site: It is claimed to survive what destroys the first one.
        max_lag: How far it may be behind.
    """

    model_config = ConfigDict(json_schema_extra=_or_a_name)
    short: ClassVar[str | None] = "repository"

    repository: Annotated[str, To("BackupRepository")]
    off_site: bool = False
    max_lag: Duration = timedelta(hours=48)

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, raw: object) -> object:
        return {"repository": raw} if isinstance(raw, str) else raw


class Drill(Spec):
    """
    One way to prove a backup, again and again.

    Attributes:
        every: How often.
        files: How many are restored; left out: everything.
        copy: Which copy: any one at random, the least recently drilled first; or the
            first.
        point: Which snapshot: the newest, or one at random of those within 30 days,
            and of the forty newest that a copy has.
        escrow: It is opened with the escrow key, so that losing the first is no end.
    """

    every: Duration
    files: Annotated[int, Field(ge=1)] | None = None
    copy_: Literal["random", "first"] = Field(default="random", alias="copy")
    point: Literal["latest", "random"] = "latest"
    escrow: bool = False


class Drills(Spec):
    """
    How backups are proven; on by default.

    Attributes:
        sample: Weekly, some files of the newest snapshot of any copy.
        full: Monthly, everything of any snapshot, with the escrow key where there is
            one.
        check: How many daily checks it takes until every pack was read once.
        scratch: The folder in which things are restored; nothing in production.
        most: The most that a drill may put there.
        timeout: How long it may take.
    """

    sample: Drill | None = Drill(every=timedelta(days=7), files=SAMPLE)
    full: Drill | None = Drill(every=timedelta(days=30), point="random", escrow=True)
    check: Annotated[int, Field(ge=1, le=366)] = 28
    scratch: Path | None = None
    most: Size = Decimal(20 * 1024**3)
    timeout: Duration = timedelta(hours=1)


class Anomaly(Spec):
    """
    What makes a backup suspicious: pruning stops, and the last good one is kept.

    Attributes:
        shrink: It has so much less than the one before.
        churn: So much of it is new or changed.
        packed: What was added hardly compresses, as what was encrypted does not.
    """

    shrink: Percent = Decimal("0.3")
    churn: Percent = Decimal("0.5")
    packed: Percent = Decimal("0.95")


class Prune(Spec):
    """
    When old snapshots may go.

    Attributes:
        verified: A drill has to have passed within this time.
        most: At most such a share at once.
    """

    verified: Duration = timedelta(days=14)
    most: Percent = Decimal("0.25")


class Hook(Spec):
    """A program, by its arguments and without a shell; ``timeout`` ends it."""

    run: Program
    timeout: Duration = timedelta(minutes=1)
    on_error: Literal["stop", "continue"] = "stop"


class Hooks(Spec):
    """What runs before and after a backup; ``failed`` where it failed."""

    before: tuple[Hook, ...] = ()
    after: tuple[Hook, ...] = ()
    failed: tuple[Hook, ...] = ()


class Backing(Spec):
    """
    How something is backed up, and what proves it.

    Attributes:
        copies: Where copies are; the first one is written to.
        budget: What all copies may cost in one month.
        heartbeat: An address that is called after each proven backup, so that somebody
            else notices when nothing calls any more.
    """

    objectives: Objectives
    schedule: Schedule = Schedule()
    sources: Annotated[
        dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")], Source],
        Field(min_length=1),
    ]
    keep: Keep = Keep()
    copies: Annotated[tuple[Copy, ...], Field(min_length=1)]
    drills: Drills = Drills()
    anomaly: Anomaly = Anomaly()
    prune: Prune = Prune()
    hooks: Hooks = Hooks()
    budget: Money | None = None
    heartbeat: SecretRef | None = None
