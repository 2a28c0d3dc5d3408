"""
Certificates in files of this machine, for nginx.

``endpoint`` is a folder, as in ``file:///etc/nginx/tls``. A certificate called ``shop``
(its ``at``, or its own name) is read by nginx from ``shop/fullchain.pem`` and
``shop/privkey.pem``; ``shop`` is a symbolic link::

    /etc/nginx/tls/shop -> .versions/shop/5c81aa01...     what nginx reads
    /etc/nginx/tls/.versions/shop/0f22...                 the one before, for a way back

``settings``: ``program`` (``nginx``), ``configuration`` (its main file).

Sources: nginx's documentation ("Controlling nginx": a changed configuration is checked
first, and where that fails the old workers go on; ``ngx_http_ssl_module``: files are
read when the configuration is), POSIX (``rename``, which ``os.replace`` is, is atomic;
nothing is durable before ``fsync`` of the file and of its folder). What follows:

* Both files are changed by one ``rename`` of the link, so that no reader, and no crash,
  meets the key of one with the certificate of another.
* What nginx has loaded is what counts: until its test and its reload have passed, a
  note beside the versions says what was there before. A run that is killed in between
  leaves the note, its installation counts as not done, and the next one does it again;
  a test that fails puts the old link back.
* An nginx that does not run has nothing to reload: it reads the files when it starts,
  and perhaps could not start for want of them.
* A configuration that fails its own test before anything was changed is left alone: a
  reload would not bring it up, and a restart would take everything down.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import unquote, urlsplit

from pydantic import JsonValue

from reconciler.errors import Rejected, Transient
from reconciler.kinds.certificate import Certificate, Site
from reconciler.model import Account, OpClass, Place, Receipt
from reconciler.providers._install import Installer, Pair, Seen, fits, read_leaf
from reconciler.providers._said import shown

CHAIN: Final = "fullchain.pem"
KEY: Final = "privkey.pem"
VERSIONS: Final = ".versions"
#: What says that a swap was not loaded yet: ``{"before": LINK or null}``.
NOTE: Final = "swapped.json"
_LOCK: Final = ".lock"
_PATIENCE: Final = 30.0
_PRIVATE: Final = 0o600
#: The lines that say why it failed.
_WORST: Final = ("[emerg]", "[alert]", "[crit]", "[error]")
#: How it says that there is no process with the number in its file.
_STOPPED: Final = ("invalid PID number", '.pid" failed (2', "(3: No such process)")


class _NotRunning(Rejected):
    """There is no nginx to tell."""


class NginxInstall(Installer):
    """Pairs of files in one folder, and the nginx that reads them."""

    can: ClassVar[Mapping[str, OpClass]] = {
        "install": OpClass.PROBE,
        "reload": OpClass.PROBE,
    }
    settles: ClassVar[timedelta] = timedelta(0)
    credentials: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        parts = urlsplit(account.endpoint or "")
        if parts.scheme != "file" or not parts.path.startswith("/"):
            raise Rejected(
                "nginx needs the folder of its certificates",
                hint="endpoint: file:///etc/nginx/tls",
            )
        self._folder = Path(unquote(parts.path))
        self._program = account.settings.get("program", "nginx")
        self._configuration = account.settings.get("configuration")
        self._read = 0

    def identity(self) -> str | None:
        """Nobody's: a folder has no account."""
        return None

    def requests(self) -> dict[str, int]:
        """Return how many pairs were read, and begin anew."""
        counted, self._read = self._read, 0
        return {"pair": counted} if counted else {}

    # -- reading --------------------------------------------------------------------

    def prepare(self, wants: Sequence[Certificate]) -> None:
        """See that the folder is there and can be read."""
        del wants
        try:
            next(self._folder.iterdir(), None)
        except OSError as error:
            raise Transient(f"{self._folder}: {error.strerror}") from None

    def look(self, want: Certificate, place: Place) -> Site:
        """Return what nginx has of *place*: the pair that it loaded."""
        link = self._link(want, place)
        note = self._note(link)
        if note is None:
            return self._pair(link)
        before = self._pair(link.parent / note[0]) if note[0] else Site()
        said = "an installation was cut off before nginx had loaded it"
        return before.model_copy(update={"trouble": said})

    def _pair(self, folder: Path) -> Site:
        self._read += 1
        try:
            chain = (folder / CHAIN).read_bytes()
            key = (folder / KEY).read_bytes()
        except FileNotFoundError:
            there = folder.exists()
            return Site(trouble=f"{folder.name} is not a whole pair" if there else None)
        except OSError as error:
            raise Transient(f"{folder.name}: {error.strerror}") from None
        try:
            leaf = read_leaf(chain)
            matches = fits(key, leaf)
        except (ValueError, TypeError, IndexError):
            return Site(trouble="its files are no certificate with its key")
        if not matches:
            return Site(trouble="its key is another one's: nginx cannot load it")
        found = Seen.of(leaf)
        # What signed itself keeps a server running until there is a real one.
        stopgap = leaf.issuer == leaf.subject
        ends = None if stopgap else found.not_after
        return Site(fingerprint=found.fingerprint, not_after=ends)

    def _link(self, want: Certificate, place: Place) -> Path:
        """Return the link of *place*; raise Rejected for what is no place in here."""
        name = place.at or want.name
        parts = name.split("/")
        if any(not part or part.startswith(".") for part in parts):
            raise Rejected(f"at: {name} is no place in {self._folder}")
        link = self._folder / name
        for above in link.parents:
            if above == self._folder:
                break
            if above.is_symlink():
                raise Rejected(f"at: {name} is inside of another certificate's place")
        return link

    def _versions(self, link: Path) -> Path:
        return self._folder / VERSIONS / link.relative_to(self._folder)

    def _note(self, link: Path) -> tuple[str | None] | None:
        """Return what was there before a swap that is not loaded; None: no such."""
        try:
            said = json.loads((self._versions(link) / NOTE).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        before = said.get("before") if isinstance(said, dict) else None
        return (str(before) if before else None,)

    # -- installing -------------------------------------------------------------------

    def install(self, want: Certificate, place: Place, pair: Pair) -> Receipt:
        """Write, swap, test and load; what fails its test is taken back."""
        link = self._link(want, place)
        if link.exists() and not link.is_symlink():
            raise Rejected(
                f"{link.name} is there and is no link: it cannot be swapped",
                hint=f"move it away; nginx keeps reading {link}/{CHAIN}",
            )
        with self._locked():
            note, before = self._note(link), self._before(link)
            if before is not None and note is None:
                self._test("nothing was changed")
            try:
                version = self._write(link, pair)
            except OSError as error:
                raise Rejected(f"cannot be written: {error.strerror}") from None
            self._swap(link, version, before)
            runs = self._load(link, before, "what was installed was taken back")
            self._forget(link, version, before)
        loaded: dict[str, JsonValue] = {} if runs else {"running": False}
        reference = f"{link.name} -> {version.name}"
        return Receipt(reference=reference, details=loaded)

    def reload(self, want: Certificate, place: Place) -> Receipt:
        """Have nginx read its files again; a swap that was cut off is tested first."""
        link = self._link(want, place)
        with self._locked():
            if not self._load(link, self._before(link), ""):
                raise Rejected("nginx does not run: there is nothing to reload")
            (self._versions(link) / NOTE).unlink(missing_ok=True)
        return Receipt(reference=f"{link.name}: reloaded")

    def _before(self, link: Path) -> str | None:
        """Return where *link* led when nginx loaded it last."""
        note = self._note(link)
        return note[0] if note else _target(link)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the folder: two runs at once would take back each other's link."""
        with (self._folder / _LOCK).open("w") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise Transient(f"{self._folder} is locked by another run") from None
            yield

    def _write(self, link: Path, pair: Pair) -> Path:
        """Return the folder of *pair*, whole and durable."""
        versions = self._versions(link)
        for folder in (versions, link.parent):
            _make(folder, self._folder)
        made = versions / pair.fingerprint
        if self._pair(made).fingerprint == pair.fingerprint:
            return made
        draft = versions / f".new-{pair.fingerprint}"
        for stale in (draft, made):
            if stale.exists():
                shutil.rmtree(stale)
        draft.mkdir(mode=0o700)
        _put(draft / KEY, pair.key)
        _put(draft / CHAIN, pair.fullchain)
        _sync(draft)
        draft.rename(made)
        _sync(versions)
        return made

    def _swap(self, link: Path, version: Path, before: str | None) -> None:
        """Lead *link* to *version*, after a note of where it led *before*."""
        note = self._versions(link) / NOTE
        draft = note.with_suffix(".new")
        _put(draft, json.dumps({"before": before}).encode())
        draft.replace(note)
        _sync(note.parent)
        _point(link, os.path.relpath(version, link.parent))

    def _load(self, link: Path, before: str | None, and_so: str) -> bool:
        """
        Test and reload; where one fails, put *before* back and raise Rejected.

        Returns whether there is an nginx that reloads.
        """
        try:
            self._test(and_so)
            self._run("-s", "reload", and_so=and_so)
        except _NotRunning:
            return False
        except Rejected:
            self._back(link, before)
            raise
        return True

    def _back(self, link: Path, before: str | None) -> None:
        """Undo a swap."""
        if before is not None:
            _point(link, before)
        elif self._note(link) is not None:
            link.unlink(missing_ok=True)
            _sync(link.parent)
        (self._versions(link) / NOTE).unlink(missing_ok=True)

    def _forget(self, link: Path, version: Path, before: str | None) -> None:
        """Take the note away, and all versions but the two last: they hold keys."""
        versions = self._versions(link)
        (versions / NOTE).unlink(missing_ok=True)
        _sync(versions)
        keep = {version.name, Path(before).name if before else ""}
        for old in versions.iterdir():
            ours = (old / CHAIN).exists() or old.name.startswith(".new-")
            if ours and old.name not in keep and not old.is_symlink():
                shutil.rmtree(old, ignore_errors=True)

    # -- nginx ----------------------------------------------------------------------

    def _test(self, and_so: str) -> None:
        self._run("-t", "-q", and_so=and_so)

    def _run(self, *arguments: str, and_so: str = "") -> None:
        """Run nginx; raise Rejected with what it says."""
        command = [self._program, *arguments]
        if self._configuration:
            command += ["-c", self._configuration]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_PATIENCE,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            name = type(error).__name__
            raise Rejected(f"nginx {arguments[0]}: not run: {name}") from None
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").splitlines()
            first = next((line for line in said if any(w in line for w in _WORST)), "")
            told = first or (said[0] if said else f"exit {done.returncode}")
            end = f"; {and_so}" if and_so else ""
            stopped = any(sign in told for sign in _STOPPED)
            kind = _NotRunning if stopped and "reload" in arguments else Rejected
            raise kind(shown(f"nginx {arguments[0]}: {told}") + end)


def _target(link: Path) -> str | None:
    """Return where *link* leads, as it is written; None where there is none."""
    with suppress(OSError):
        return str(link.readlink())
    return None


def _point(link: Path, target: str) -> None:
    """Make *link* lead to *target*: at once, or not at all."""
    draft = link.with_name(f".{link.name}.new")
    draft.unlink(missing_ok=True)
    draft.symlink_to(target)
    draft.replace(link)
    _sync(link.parent)


def _put(path: Path, content: bytes) -> None:
    """Write a file that only its owner reads, and wait until it is on the disk."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE)
    with os.fdopen(number, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _make(folder: Path, root: Path) -> None:
    """Make *folder* below *root*, for its owner alone."""
    missing = [folder, *folder.parents]
    for one in reversed(missing[: missing.index(root)]):
        one.mkdir(mode=0o700, exist_ok=True)


def _sync(folder: Path) -> None:
    """Wait until what was renamed in *folder* is on the disk."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


DRIVER = NginxInstall
