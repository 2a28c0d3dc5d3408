"""
Archives that a WHM server makes because it was asked to, each in a folder of its own.

Sources: api.docs.cpanel.net (``start_background_pkgacct``: ``tarroot`` is the directory
that the archive is stored in; ``get_pkgacct_session_state``: ``RUNNING``, ``COMPLETED``
or ``FAILED``), docs.cpanel.net, "The pkgacct Script" (``cpmove-USER.tar.gz``; more than
twice the size of the account has to be free, and 1 GB). What follows:

* They are in the folder ``reconciler`` of the server's backup folder, which somebody
  makes there once. That it is here, too, is what tells a folder that is mounted from
  one that is not, and nothing else there has to be written to.
* No archive is ever written over: ``pkgacct`` would. The folder of each is named by its
  time and its Backup, and what was asked for is written into it *before* it is.
* An answer that was lost leaves an order without a session. It is sent again only where
  nothing has appeared in its folder for a quarter of an hour; ``pkgacct`` begins with a
  folder to work in. Only a refusal of the first asking says that nothing was begun.
* What was read and refused is taken away at once, and what was given up a day ago by
  the next order of the same Backup: nothing lists them, and nobody would prune them.
* Root makes them, outside of the account's home: they count against no quota of its.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from reconciler.errors import Ambiguous, ProviderError, Rejected, Transient
from reconciler.model import Account
from reconciler.providers import _whm_backups as backups
from reconciler.providers._answers import mapping, rows
from reconciler.providers._archive_open import Hostile
from reconciler.providers._archive_seal import Damaged
from reconciler.providers._drill_scratch import SPARE, free
from reconciler.providers._panel_archive import look
from reconciler.providers._panel_subject import Mark, surely
from reconciler.providers._whm import SaidNo, Whm
from reconciler.providers._whm_accounts import used
from reconciler.providers._whm_order import (
    NAME,
    ORDER,
    Order,
    belongs,
    cleared,
    emptied,
    ours,
    present,
    reached,
    read,
    short,
    write,
)

FOLDER: Final = "reconciler"
#: How long one run waits for the server to make an archive, and how often it looks.
_PATIENCE: Final = timedelta(minutes=30)
_PAUSE: Final = 15.0
#: Where nothing has appeared for so long, nothing was begun.
_UNSEEN: Final = timedelta(minutes=15)
#: What has not come to an end by then never will.
_GIVEN_UP: Final = timedelta(days=1)
#: So often is looked for what the server says is there: a mounted folder may be late.
_LOOKS: Final = 5


class Orders:
    """
    The orders of one server.

    Args:
        account: ``settings.path`` is where its backup folder is mounted.
    """

    def __init__(
        self, whm: Whm, account: Account, left: Callable[[Path], int] = free
    ) -> None:
        self._whm = whm
        self._clock, self._sleep = account.clock, account.sleep
        self._mount = account.settings.get("path")
        self._left = left
        self._sizes: dict[str, int] = {}

    def root(self) -> Path:
        """Return the folder of all orders; raise Transient where it is not here."""
        if self._mount is None:
            raise Transient(
                "its backup folder is not in reach from here",
                hint="path: the folder where the server's backup folder is mounted",
            )
        found = Path(self._mount, FOLDER)
        if not found.is_dir():
            raise Transient(
                f"{found} is not there: is it mounted?",
                hint=f"once, on the server: mkdir -m 700 /backup/{FOLDER}",
            )
        return found

    def of(self, user: str, uid: str) -> list[Order]:
        """Return what was made of a Backup, and is whole."""
        return [
            one
            for one in self._every(user)
            if belongs(one.name, user, uid) and one.whole and one.archive is not None
        ]

    def _every(self, user: str) -> list[Order]:
        folder = self.root() / backups.user(user)
        with reached(folder):
            if not folder.is_dir():
                return []
            names = sorted(one.name for one in folder.iterdir())
        found = (read(folder / one, user) for one in names if NAME.fullmatch(one))
        return [one for one in found if one is not None]

    # -- making ------------------------------------------------------------------------

    def have_made(self, user: str, uid: str, mark: Mark) -> Order:
        """
        Have it made, unless it was; wait for it.

        Raises:
            Rejected: It cannot be made, or another one was asked for by the same key.
            Transient: It was not asked for.
            Ambiguous: It was, and nobody knows what became of it.
        """
        slot = datetime.fromisoformat(mark.slot).astimezone(UTC)
        name = f"{slot:%Y%m%dT%H%M%SZ}-{short(uid)}"
        folder = self.root() / backups.user(user) / name
        order = self._found(folder, user, mark) or self._new(folder, user, uid, mark)
        ends = self._clock() + _PATIENCE
        with surely(f"{order.name} was asked for"):
            while not self._ended(order):
                if self._clock() >= ends:
                    raise Ambiguous(f"{order.name}: the server is still making it")
                self._sleep(_PAUSE)
                if self._unseen(order):
                    order = self._ask_again(order)
        return order

    def _found(self, folder: Path, user: str, mark: Mark) -> Order | None:
        """Return the order that *mark* means, where it was written down."""
        found = read(folder, user)
        if found is None:
            return None
        if found.key == mark.key and found.body != mark.body:
            raise Rejected(f"the same key was used for another backup of {user}")
        mine = found.key == mark.key or (found.whole and found.body == mark.body)
        return found if mine else None

    def _new(self, folder: Path, user: str, uid: str, mark: Mark) -> Order:
        """Write the order down, and send it: where nothing else is being made."""
        every = self._every(user)
        for one in every:
            if self._busy(one):
                raise Transient(f"{user}: {one.name} is being made already")
        for one in every:
            if belongs(one.name, user, uid) and self._is_over(one):
                self._forget(one)
        self._roomy(user)
        with reached(folder):
            if folder.exists():
                cleared(folder, user)
            folder.mkdir(mode=0o700, parents=True)
        now = self._clock()
        order = Order(folder, user, mark.key, mark.body, now, now)
        try:
            return self._ask(order)
        except Ambiguous:
            raise
        except ProviderError:
            self._forget(order)
            raise

    def _ask_again(self, order: Order) -> Order:
        """Send it once more: a refusal of that says nothing of what was sent before."""
        try:
            return self._ask(order)
        except Ambiguous:
            raise
        except ProviderError as error:
            raise Ambiguous(
                f"{order.name} was asked for, and refused when it was asked for again: "
                f"{error.what}",
                request_id=error.request_id,
            ) from None

    def _ask(self, order: Order) -> Order:
        # What cannot be written down, or told where to go, is not asked for.
        base = str(backups.settings(self._whm).get("backupdir") or "")
        if not base.startswith("/"):
            raise Transient("backup_config_get: backupdir cannot be read")
        order = write(order._replace(asked=self._clock(), session=""))
        params = {
            "user": order.user,
            "tarroot": f"{base.rstrip('/')}/{FOLDER}/{order.user}/{order.folder.name}",
            "compressionsetting": "compress",
            "incremental": "0",
            "split": "0",
            "low_priority": "1",
        }
        reply = self._whm.post("start_background_pkgacct", params, effect=True)
        with surely(f"{order.name} was asked for"):
            data = mapping(mapping(reply.data).get("data"))
            return write(order._replace(session=str(data.get("session_id") or "")))

    def _roomy(self, user: str) -> None:
        """Raise Rejected where the server's backup folder has not the room it needs."""
        found = self._whm.read("accountsummary", user=user).get("acct")
        size = sum(int(used(row).get("disk", 0)) for row in rows(found, "accounts"))
        here, needed = self._left(self.root()), 2 * size + SPARE
        if here <= needed:
            raise Rejected(
                f"{self.root()} has {here} bytes left, and a backup of {user} needs "
                f"{needed}: twice the account, and 1 GiB",
                hint="make room there, or another place of backups",
            )

    # -- waiting -----------------------------------------------------------------------

    def _state(self, order: Order) -> str:
        """Return what the server says of its task; empty where nobody knows."""
        if not order.session:
            return ""
        try:
            found = self._whm.read(
                "get_pkgacct_session_state", session_id=order.session
            )
        except SaidNo:
            return ""
        return str(found.get("state") or "").upper()

    def _ended(self, order: Order) -> bool:
        """Say whether the archive is there; raise Rejected where none will be."""
        if order.whole:
            if order.archive is None:
                raise Rejected(f"{order.name} is gone")
            return True
        state = self._state(order)
        if state == "COMPLETED":
            return self._delivered(order)
        if state == "RUNNING":
            return False
        if state:
            self._forget(order)
            raise Rejected(f"{order.name}: the server's task ended: {state[:20]}")
        if self._at_rest(order):
            return True
        if self._clock() - order.begun > _GIVEN_UP:
            raise Rejected(f"{order.name}: nobody knows what became of it in a day")
        return False

    def _delivered(self, order: Order) -> bool:
        for _ in range(_LOOKS):
            if order.archive is not None:
                return True
            self._sleep(_PAUSE)
        self._forget(order)
        raise Rejected(
            f"{order.name}: the server says it is made; it is not in {order.folder}",
            hint="path has to be where the server's own backup folder is mounted",
        )

    def _at_rest(self, order: Order) -> bool:
        """Say whether there is an archive that has an end, and does not grow."""
        archive = order.archive
        if archive is None:
            return False
        with reached(archive):
            size = archive.stat().st_size
            if self._sizes.get(order.name) == size:
                try:
                    look(archive)
                except (Damaged, Hostile):
                    return False
                return True
        self._sizes[order.name] = size
        return False

    def _busy(self, order: Order) -> bool:
        """Say whether the server may be at it still."""
        if order.whole or self._clock() - order.begun > _GIVEN_UP:
            return False
        state = self._state(order)
        return state == "RUNNING" or not state

    def _is_over(self, order: Order) -> bool:
        """Say whether it was refused, or given up: it has no receipt, and no end."""
        if order.whole or self._clock() - order.asked <= _GIVEN_UP:
            return False
        return self._state(order) != "RUNNING"

    def _unseen(self, order: Order) -> bool:
        """Say whether an order of which nobody knows was never begun."""
        if order.session or self._clock() - order.asked < _UNSEEN:
            return False
        with reached(order.folder):
            return present(order.folder) == {ORDER}

    # -- afterwards --------------------------------------------------------------------

    def keep(self, name: str) -> None:
        """Remember that the archive *name* was read to its end, and is enough."""
        write(self.named(name)._replace(whole=True))

    def refuse(self, name: str) -> None:
        """Take away what was read and is no backup: never what had a receipt."""
        order = self._named(name)
        if order is not None and not order.whole:
            self._forget(order)

    def named(self, name: str) -> Order:
        """Return the order that is called so; raise Rejected where there is none."""
        found = self._named(name)
        if found is None:
            raise Rejected(f"{name} is gone")
        return found

    def _named(self, name: str) -> Order | None:
        if not ours(name):
            raise Rejected(f"{name} was not made from here")
        user, _, folder = name.rpartition(".")
        return read(self.root() / backups.user(user) / folder, user)

    def remove(self, name: str) -> None:
        """Take away one archive that was made from here, and is whole; or was taken."""
        order = self._named(name)
        if order is None:
            return
        if not order.whole:
            raise Rejected(f"{name} was not made from here to its end")
        self._forget(order)

    @staticmethod
    def _forget(order: Order) -> None:
        """Take away the folder of one order, and what lies in it."""
        with reached(order.folder):
            emptied(order.folder)
