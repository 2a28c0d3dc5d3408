"""Certificates in files, with a real nginx: whole or not at all, whatever happens."""

from __future__ import annotations

import fcntl
import os
import signal
import stat
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from reconciler.errors import Rejected, Transient
from reconciler.kinds.certificate import Certificate, Install, Reload
from reconciler.model import Account, FieldChange, Material, Unknown
from reconciler.providers.nginx_install import CHAIN, KEY, NOTE, NginxInstall
from reconciler.sandbox.nginx import NginxServer
from reconciler.sandbox.panel_sites import issued
from tests.support.certificates import (
    MemoryKeys,
    certificate,
    have,
    leaf,
    mark,
    material,
    only,
    place,
    serves,
    unreadable,
)
from tests.support.contract import NOW, MemoryCache
from tests.support.nginx import real_nginx, served, serves_soon

NAMES = ("shop.example", "www.shop.example")
OLD = material(*NAMES, days=30)
NEW = material(*NAMES, days=90)
SITES = {"shop.example": NAMES}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NginxServer]:
    yield from real_nginx(tmp_path_factory.mktemp("nginx"), SITES)


class Bench:
    """A driver over a folder; the running nginx reads it."""

    def __init__(self, server: NginxServer, **settings: str) -> None:
        self.server = server
        self.keys = MemoryKeys()
        self.account = Account(
            name="main",
            endpoint=server.endpoint,
            identity=None,
            secrets={},
            clock=lambda: NOW,
            sleep=lambda _: None,
            cache=MemoryCache(),
            settings={**server.settings, **settings},
            keys=self.keys,
        )
        self.driver = NginxInstall(self.account)

    def want(self, at: str | None = None, **spec: Any) -> Certificate:
        return certificate("shop.example", [place("Provider/main", at=at)], **spec)

    def change(self, one: Material, want: Certificate | None = None) -> Install:
        (where,) = (want or self.want()).makings.places
        return Install(
            share=where.share,
            fields=(FieldChange(field="deploy"),),
            because="a test",
            details={"mark": where.mark, "fingerprint": mark(one)},
        )

    def put(self, one: Material, want: Certificate | None = None) -> Any:
        want = want or self.want()
        self.keys.fill(want.name, one)
        ours = {f"installed/{want.makings.places[0].mark}": {"fingerprint": "any"}}
        seen = self.site(want).fingerprint
        ours[next(iter(ours))]["fingerprint"] = str(seen)
        bound = want.recalling(lambda: ours)
        return self.driver.apply(bound, self.change(one, want), "k")

    def state(self, want: Certificate | None = None) -> Any:
        want = want or self.want()
        return self.driver.observe([want]).states[want.name]

    def site(self, want: Certificate | None = None) -> Any:
        return only(self.state(want))

    def files(self, at: str = "shop.example") -> Path:
        return self.server.tls / at

    def note(self, at: str = "shop.example") -> Path:
        return self.server.tls / ".versions" / at / NOTE


@pytest.fixture
def bench(running: NginxServer) -> Bench:
    made = Bench(running)
    made.put(OLD)
    assert serves_soon(running, "shop.example", mark(OLD))
    return made


def whole(folder: Path) -> Material:
    """Return the pair in *folder*, which belongs together."""
    one = Material((folder / KEY).read_bytes(), (folder / CHAIN).read_bytes())
    assert one.key in {OLD.key, NEW.key}
    assert one == (OLD if one.key == OLD.key else NEW)
    return one


def test_what_is_installed_is_served_at_once(bench: Bench) -> None:
    assert bench.site().fingerprint == mark(OLD)
    done = bench.put(NEW)
    assert done.details == {"fingerprint": mark(NEW)}
    assert serves_soon(bench.server, "shop.example", mark(NEW))
    site = bench.site()
    assert site.fingerprint == mark(NEW)
    assert site.not_after == leaf(NEW).not_valid_after_utc
    assert not bench.note().exists()


def test_only_its_owner_reads_the_key_and_old_keys_go(bench: Bench) -> None:
    for days in (60, 70, 80):
        bench.put(material(*NAMES, days=days))
    link = bench.files()
    assert stat.S_IMODE((link / KEY).stat().st_mode) == 0o600
    assert stat.S_IMODE(link.resolve().parent.stat().st_mode) & 0o077 == 0
    kept = {one.name for one in link.resolve().parent.iterdir()}
    expected = {mark(material(*NAMES, days=days)) for days in (70, 80)}
    assert kept - {"stopgap"} == expected


def test_a_stopgap_is_replaced_though_it_ends_when_it_likes(bench: Bench) -> None:
    link = bench.files()
    link.unlink()
    link.symlink_to(Path(".versions") / "shop.example" / "stopgap")
    link.resolve().mkdir(exist_ok=True)
    pem, key = issued(NAMES, NOW + timedelta(days=3650), NAMES[0])
    (link / CHAIN).write_text(pem)
    (link / KEY).write_text(key)
    assert bench.site().not_after is None
    want = bench.want()
    (change,) = want.diff(have(want, bench.state(), NEW), NOW)
    assert change.hold is None


def test_what_nginx_does_not_take_is_taken_back(bench: Bench) -> None:
    """A key of 1024 bits is whole and fits; OpenSSL refuses to serve it."""
    weak = _weak()
    with pytest.raises(Rejected, match=r"too small.*taken back") as refused:
        bench.put(weak)
    assert "PRIVATE" not in str(refused.value)
    assert whole(bench.files()) == OLD
    assert not bench.note().exists()
    assert bench.site().fingerprint == mark(OLD)
    assert serves_soon(bench.server, "shop.example", mark(OLD))
    bench.put(NEW)
    assert serves_soon(bench.server, "shop.example", mark(NEW))


def test_the_first_one_that_is_not_taken_leaves_nothing(bench: Bench) -> None:
    want = bench.want("first")
    more = (
        f"server {{ listen 127.0.0.1:{bench.server.port} ssl; server_name f.example;"
        f"ssl_certificate {bench.server.tls.resolve()}/first/{CHAIN};"
        f"ssl_certificate_key {bench.server.tls.resolve()}/first/{KEY}; }}"
    )
    bench.server.configure("127.0.0.1", more)
    try:
        with pytest.raises(Rejected, match="too small"):
            bench.put(_weak(), want)
        assert not bench.files("first").is_symlink()
        assert bench.site(want).fingerprint is None
        bench.put(NEW, want)
        assert serves_soon(bench.server, "f.example", mark(NEW))
    finally:
        bench.server.configure("127.0.0.1")


def test_a_configuration_that_is_broken_already_is_left_alone(bench: Bench) -> None:
    bench.server.configure("127.0.0.1", "what is this;")
    try:
        with pytest.raises(Rejected, match=r"unknown directive.*nothing was changed"):
            bench.put(NEW)
        assert bench.files().resolve().name == mark(OLD)
        assert not (bench.files().resolve().parent / mark(NEW)).exists()
    finally:
        bench.server.configure("127.0.0.1")


def test_a_reload_that_fails_is_taken_back(bench: Bench, tmp_path: Path) -> None:
    program = tmp_path / "nginx"
    real = bench.server.settings["program"]
    program.write_text(
        '#!/bin/sh\n[ "$1" = -s ] && { echo "[error] not permitted" >&2; exit 1; }\n'
        f'exec {real} "$@"\n'
    )
    program.chmod(0o700)
    stubborn = Bench(bench.server, program=str(program))
    stubborn.keys.fill("shop.example", NEW)
    with pytest.raises(Rejected, match=r"not permitted.*taken back"):
        stubborn.put(NEW)
    assert whole(bench.files()) == OLD
    assert bench.site().fingerprint == mark(OLD)


def test_an_nginx_that_does_not_run_gets_its_files_and_has_no_reload(
    tmp_path: Path,
) -> None:
    server = NginxServer(tmp_path, {}, NOW)
    server.tls.mkdir()
    server.configure("127.0.0.1")
    bench = Bench(server)
    done = bench.put(NEW)
    assert done.details["running"] is False
    assert bench.site().fingerprint == mark(NEW)
    with pytest.raises(Rejected, match="does not run"):
        bench.driver.apply(bench.want(), _reload(bench), "k")


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    server = NginxServer(tmp_path, {}, NOW)
    server.tls.mkdir()
    bench = Bench(server, program=str(tmp_path / "nowhere"))
    with pytest.raises(Rejected, match="not run: FileNotFoundError"):
        bench.put(NEW)
    assert not bench.files().exists()


# -- every link breaks once ---------------------------------------------------------


def test_installed_and_not_reloaded(bench: Bench) -> None:
    """Somebody changed the link and went home."""
    bench.put(NEW)
    assert serves_soon(bench.server, "shop.example", mark(NEW))
    link = bench.files()
    link.unlink()
    link.symlink_to(Path(".versions") / "shop.example" / mark(OLD))
    want = bench.want()
    met = serves("shop.example", NEW)
    known = have(want, bench.state(), OLD, [met])
    assert "not-served" in {f.code for f in want.findings(known, NOW)}
    (change,) = (c for c in want.diff(known, NOW) if isinstance(c, Reload))
    bench.driver.apply(want, change, "k")
    assert serves_soon(bench.server, "shop.example", mark(OLD))


def test_the_wrong_key(bench: Bench) -> None:
    (bench.files() / KEY).write_bytes(NEW.key)
    want = bench.want()
    known = have(want, bench.state(), OLD)
    assert "place-in-trouble" in {f.code for f in want.findings(known, NOW)}
    assert "key is another one's" in (bench.site().trouble or "")
    (change,) = want.diff(known, NOW)
    assert isinstance(change, Install)
    # Its configuration does not pass its own test any more: a person has to look.
    bench.keys.fill("shop.example", OLD)
    with pytest.raises(Rejected, match="nothing was changed"):
        bench.driver.apply(want, change, "k")
    (bench.files() / KEY).write_bytes(OLD.key)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        (KEY, None, "not a whole pair"),
        (CHAIN, None, "not a whole pair"),
        (CHAIN, b"", "no certificate with its key"),
        (KEY, b"no key", "no certificate with its key"),
    ],
)
def test_what_is_half_there_is_not_there(
    bench: Bench, name: str, content: bytes | None, why: str
) -> None:
    want = bench.want("half")
    bench.put(NEW, want)
    if content is None:
        (bench.files("half") / name).unlink()
    else:
        (bench.files("half") / name).write_bytes(content)
    site = bench.site(want)
    assert site.fingerprint is None
    assert why in (site.trouble or "")
    bench.put(NEW, want)
    assert whole(bench.files("half")) == NEW


# -- where it may be put --------------------------------------------------------------


@pytest.mark.parametrize("at", ["../up", "a/../../up", "/etc", ".versions/x", "a//b"])
def test_no_place_outside_of_the_folder(bench: Bench, at: str) -> None:
    want = bench.want(at)
    (said,) = unreadable(bench.state(want))
    assert "is no place in" in said
    with pytest.raises((Rejected, Transient), match="is no place in"):
        bench.driver.apply(want, bench.change(NEW, want), "k")


def test_a_folder_in_the_folder_and_none_in_a_place(bench: Bench) -> None:
    bench.put(NEW, bench.want("sub/shop"))
    assert whole(bench.files("sub/shop")) == NEW
    bench.put(OLD, bench.want("sub/shop"))
    assert whole(bench.files("sub/shop")) == OLD
    (said,) = unreadable(bench.state(bench.want("shop.example/more")))
    assert "inside of another" in said


def test_what_is_no_link_is_not_swapped(bench: Bench) -> None:
    there = bench.files("plain")
    there.mkdir(exist_ok=True)
    (there / CHAIN).write_bytes(OLD.chain)
    (there / KEY).write_bytes(OLD.key)
    want = bench.want("plain")
    assert bench.site(want).fingerprint == mark(OLD)
    with pytest.raises(Rejected, match="no link"):
        bench.put(NEW, want)
    assert whole(there) == OLD


def test_a_folder_that_cannot_be_read_is_unknown(bench: Bench) -> None:
    lost = bench.account._replace(endpoint=f"{bench.server.endpoint}/nowhere")
    seen = NginxInstall(lost).observe([bench.want()])
    assert isinstance(seen.states["shop.example"], Unknown)
    with pytest.raises(Rejected, match="folder of its certificates"):
        NginxInstall(bench.account._replace(endpoint="https://a.example"))


def test_two_runs_at_once_do_not_take_back_each_others(bench: Bench) -> None:
    with (bench.server.tls / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Transient, match="locked by another run"):
            bench.put(NEW)
    assert whole(bench.files()) == OLD


# -- killed in every phase ---------------------------------------------------------------

#: What changes something on a disk, or runs a program; Python tells before each.
STEPS = frozenset(
    [
        "os.rename",
        "os.symlink",
        "os.remove",
        "os.mkdir",
        "os.rmdir",
        "shutil.rmtree",
        "subprocess.Popen",
    ]
)


def _killed_at(step: int, work: Any) -> bool:
    """Do *work* in a process that is killed (-9) before a step; say whether it was."""
    child = os.fork()
    if child == 0:
        left = step

        def count(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal left
            writes = (
                event == "open" and len(arguments) > 2 and arguments[2] & os.O_CREAT
            )
            if event in STEPS or writes:
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.addaudithook(count)
            work()
        except BaseException:  # noqa: BLE001
            os._exit(3)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


@pytest.mark.parametrize("at", ["shop.example", "fresh"])
def test_killed_in_every_phase_there_is_never_half_a_pair(
    bench: Bench, at: str
) -> None:
    want, first = bench.want(at), at == "fresh"
    now, other, step = OLD, NEW, 1
    while True:
        if first and bench.files(at).is_symlink():
            bench.files(at).unlink()
        bench.keys.fill("shop.example", other)
        ours = {f"installed/{want.makings.places[0].mark}": {"fingerprint": mark(now)}}
        bound = want.recalling(lambda ours=ours: ours)
        change = bench.change(other, want)
        killed = _killed_at(
            step, lambda b=bound, c=change: bench.driver.apply(b, c, "k")
        )
        if bench.files(at).is_symlink():
            assert whole(bench.files(at)) in {now, other}
        else:
            assert first
        seen = bench.site(want).fingerprint
        assert seen in {None if first else mark(now), mark(other)}
        if bench.note(at).exists():
            assert seen != mark(other), "what nginx has not loaded is not installed"
        if not first:
            assert served(bench.server, at) in {mark(now), mark(other)}
        # The next run finds out what became of it, and does what is left.
        if seen != mark(other):
            assert bench.driver.happened(bound, change, "k", NOW) is False
            bench.driver.apply(bound, change, "k")
        assert bench.site(want).fingerprint == mark(other)
        assert whole(bench.files(at)) == other
        assert not bench.note(at).exists()
        left = [one.name for one in bench.note(at).parent.iterdir()]
        assert not [name for name in left if name.startswith(".new")]
        if not first:
            assert serves_soon(bench.server, at, mark(other))
        if not killed:
            break
        now, other, step = other, now, step + 1
    assert step > 10, "so few steps cannot be all"


def _reload(bench: Bench) -> Reload:
    (where,) = bench.want().makings.places
    return Reload(
        share=where.share,
        fields=(FieldChange(field="served"),),
        because="a test",
        details={"mark": where.mark, "fingerprint": mark(NEW)},
    )


def _weak() -> Material:
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAMES[0])])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName(map(x509.DNSName, NAMES)), False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Material(private, made.public_bytes(Encoding.PEM))
