"""What can be done about a backup."""

from __future__ import annotations

from typing import ClassVar, Literal

from reconciler.model import Change, Risk


class _Due(Change):
    """Work that is due by the time, and not because git and the world differ."""

    usually_merges: ClassVar[bool] = False
    routine: ClassVar[bool] = True


class BackUp(_Due):
    """
    Make a backup of every source into the first copy.

    ``generation``: the slot it is for. ``details``: ``slot``, ``nonce`` (the number in
    the canary). Its receipt: ``at`` (when it began) and ``sources``, per source
    ``snapshot``, ``files``, ``bytes``, ``manifest`` (SHA-256 over path, size and
    SHA-256 of every file), ``canary`` (SHA-256), and where they are known ``added``,
    ``packed`` and ``changed``. Without all of it nothing was backed up: a failure.
    """

    verb: Literal["back-up"] = "back-up"


class CopyOver(_Due):
    """
    Copy snapshots to another repository; ``details``: ``from``, ``ids``.

    Its receipt: ``copied``, each of the ids -> what it is called there.
    """

    verb: Literal["copy"] = "copy"


class DrillIt(_Due):
    """
    Restore into a scratch folder, and look at what came back.

    ``generation``: the drill and its period. ``details``: ``drill`` (its name),
    ``snapshots`` (source -> id), ``files`` (how many; none: all), ``seed``, ``escrow``,
    and of the receipt ``manifest``, ``canary``, ``files`` and ``bytes`` by source. Its
    receipt says ``verdict``: ``passed``, ``failed`` or ``inconclusive``, and ``why``,
    ``seconds``, ``estimated``, ``bytes``, ``observed`` (check -> value). The journal
    takes no floats: what is no whole number is text.
    """

    verb: Literal["drill"] = "drill"


class Check(_Due):
    """
    Read a slice of all packs; ``details``: ``slice``, ``of``.

    Its receipt says ``verdict`` and ``why``, as that of a drill. All backups of one
    repository ask for the same slice on the same day, as far as they can: once is
    enough.
    """

    verb: Literal["check"] = "check"


class PruneOld(_Due):
    """Forget exactly these snapshots; ``details``: ``ids`` and ``kept``."""

    usual_risk: ClassVar[Risk] = Risk.DESTRUCTIVE
    reversible: ClassVar[bool] = False
    verb: Literal["prune"] = "prune"


class ExtendLock(_Due):
    """
    Lock what is still needed for longer; ``details``: ``until``.

    Where they have ``ids``, only these snapshots, and what they need; by ``mode``.
    """

    reversible: ClassVar[bool] = False
    verb: Literal["extend-lock"] = "extend-lock"


class Rewind(_Due):
    """
    Make a repository show what it had at a moment.

    Only markers that hide something are taken away, and older versions written again:
    nothing is deleted. It is never planned by itself without a person. ``details``:
    ``to``, and ``seen``: when it was decided; what came later is left alone. Its
    receipt says how many were ``shown``, ``written`` again and ``hidden``.
    """

    usual_risk: ClassVar[Risk] = Risk.SECURITY
    verb: Literal["rewind"] = "rewind"


BackupChange = BackUp | CopyOver | DrillIt | Check | PruneOld | ExtendLock | Rewind
