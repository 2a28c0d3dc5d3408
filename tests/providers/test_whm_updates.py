"""Updates of a WHM server: the panel's by its API, the sites' over SSH."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import Any, ClassVar

import pytest

from reconciler.errors import Ambiguous, Rejected, Transient
from reconciler.kinds.server import Server
from reconciler.model import Account, AnyDriver, Unknown
from reconciler.model.updates import RollBack, UpdatesState
from reconciler.providers._ssh import Ssh
from reconciler.providers.whm_updates import WhmUpdates
from reconciler.sandbox import Sandbox, SandboxClock, World, wordpress
from reconciler.testing import Case
from tests.support.contract import NOW, SandboxContract, account
from tests.support.updates import SITE, WORDPRESS, change, hosted

SECRETS = {"user": "panel-user", "token": "whm-sandbox-token"}
HOST = "whm1.agency.example"
PART: dict[str, Any] = {
    "hostname": HOST,
    "tokens": [SECRETS],
    "panel": {"version": "11.134.0.5", "newest": "11.134.0.9"},
    "accounts": {},
}
PANEL = ("panel/whm", "11.134.0.5", "11.134.0.9", "")
#: A client that has WP Toolkit run at the other end of a socket of this machine.
CLIENT = """\
#!{python} -IS
import json, socket, sys
*options, place, line = sys.argv[1:]
assert options == ["-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "--"], options
assert place == "root@whm1.agency.example", place
with socket.create_connection(("127.0.0.1", {port})) as server:
    server.sendall(line.encode() + b"\\n")
    code, said = json.loads(server.makefile().read())
(sys.stderr if code else sys.stdout).write(said)
sys.exit(code)
"""


class Remote(StreamRequestHandler):
    """WP Toolkit, as the server's shell runs it."""

    state: ClassVar[dict[str, Any]] = {}
    done: ClassVar[list[tuple[str, ...]]] = []

    def handle(self) -> None:
        program, *arguments = shlex.split(self.rfile.readline().decode())
        assert program == "wp-toolkit"
        try:
            said = 0, wordpress.run(self.state, arguments, self.noted)
        except wordpress.No as no:
            said = 1, str(no)
        self.wfile.write(json.dumps(said).encode())

    def noted(self, *told: str) -> None:
        self.done.append(told)


def machine(name: str = HOST) -> Server:
    spec = {"provider": "cloud", "size": "cx32", "panel": "main", "patching": "careful"}
    return Server.model_validate({"metadata": {"name": name}, "spec": spec})


class TestWhmUpdates(SandboxContract):
    driver = WhmUpdates
    vendor = "whm"
    part = PART
    secrets = SECRETS
    extra = "nobody"
    listing = "get_update_availability"
    operations = {"patch": "start_cpanel_update"}

    def wants(self) -> Sequence[Any]:
        return [machine()]

    def missing(self) -> Any:
        return machine("another")

    def cases(self, driver: AnyDriver, account: Account) -> list[Case]:
        return [Case(machine(), change(*PANEL))]

    def test_what_is_missing_is_absent_and_what_is_extra_is_unmanaged(self) -> None:
        """A panel tells of itself alone: whoever asks is told the same."""
        seen = self.made(self.start()).observe([*self.wants(), self.missing()])
        assert len({str(state) for state in seen.states.values()}) == 1
        assert seen.unmanaged == ()

    def test_declares_every_verb_it_is_asked_for_and_offers_what_it_declares(
        self,
    ) -> None:
        """No older panel is ever put back; sites are, over SSH."""
        driver = self.made(self.start())
        with pytest.raises(Rejected, match="no older version"):
            driver.apply(machine(), change(*PANEL, kind=RollBack), "key-1")
        assert set(driver.can) == {"patch", "roll-back"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(World({"whm": PART}), SandboxClock(NOW, frozen=True)) as running:
        yield running


@pytest.fixture
def main(sandbox: Sandbox) -> Account:
    sandbox.clock.set(NOW, frozen=True)
    sandbox.reset(World({"whm": PART}))
    return account(sandbox, "whm", SECRETS)


def effects(sandbox: Sandbox) -> list[str]:
    return [e.operation for e in sandbox.ledger.effects("whm")]


def test_the_panel_goes_on_after_its_answer_and_is_started_once(
    sandbox: Sandbox, main: Account
) -> None:
    sandbox.bench("whm").state["panel"]["takes"] = 1200.0
    driver, since = WhmUpdates(main), sandbox.clock()
    done = change(*PANEL)
    for _ in range(2):
        with pytest.raises(Ambiguous, match="goes on"):
            driver.apply(machine(), done, "key-1")
    assert effects(sandbox) == ["panel-update"]
    assert driver.happened(machine(), done, "key-1", since) is None
    sandbox.clock.advance(timedelta(minutes=21))
    assert driver.happened(machine(), done, "key-1", since) is True
    driver.close()


@pytest.mark.parametrize(
    ("version", "newest", "sort"),
    [
        ("11.134.0.5", "11.134.0.9", "minor"),
        ("11.134.0.5", "11.136.0.1", "major"),
        ("11.134.0.5", "11.134.0.5", None),
    ],
)
def test_another_main_version_is_major(
    sandbox: Sandbox, main: Account, version: str, newest: str, sort: str | None
) -> None:
    sandbox.bench("whm").state["panel"].update(version=version, newest=newest)
    driver = WhmUpdates(main)
    state = driver.observe([machine()]).states[HOST]
    assert isinstance(state, UpdatesState)
    (one,) = state.components
    assert (one.current, one.target) == (version, newest if sort else None)
    assert sort in {one.sort, None}
    assert (one.slow, one.back) == (True, False)
    driver.close()


def test_a_panel_that_offers_another_one_by_now_is_left_alone(
    sandbox: Sandbox, main: Account
) -> None:
    sandbox.bench("whm").state["panel"]["newest"] = "11.136.0.1"
    driver = WhmUpdates(main)
    with pytest.raises(Rejected, match=r"offers 11\.136\.0\.1"):
        driver.apply(machine(), change(*PANEL), "key-1")
    assert effects(sandbox) == []
    driver.close()


def test_without_a_way_to_the_toolkit_nobody_knows(main: Account) -> None:
    driver = WhmUpdates(main)
    state = driver.observe([hosted()]).states[SITE]
    assert isinstance(state, Unknown)
    assert "settings.toolkit" in state.why
    driver.close()


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[str]:
    seed = wordpress.WordpressSeed.model_validate(WORDPRESS)
    row = {"user": "one", "domain": SITE, "wordpress": wordpress.begun(seed)}
    Remote.state, Remote.done = {"accounts": {"one": row}}, []
    with ThreadingTCPServer(("127.0.0.1", 0), Remote) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        client, port = tmp_path / "ssh", server.server_address[1]
        client.write_text(CLIENT.format(python=sys.executable, port=port))
        client.chmod(0o700)
        yield str(client)
        server.shutdown()


def test_sites_are_read_patched_and_refused_over_ssh(
    main: Account, remote: str
) -> None:
    settings = {"toolkit": "root@whm1.agency.example", "ssh": remote}
    driver = WhmUpdates(main._replace(settings=settings))
    state = driver.observe([hosted()]).states[SITE]
    assert isinstance(state, UpdatesState)
    assert len(state.components) == 7
    driver.apply(hosted(), change("theme/plain", "2.0", "2.1"), "key-1")
    with pytest.raises(Rejected, match="not available"):
        driver.apply(hosted(), change("plugin/paid", "3.0", "3.1"), "key-2")
    assert Remote.done == [("theme-update", SITE)]
    driver.close()


def script(folder: Path, body: str) -> str:
    path = folder / "client"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o700)
    return str(path)


def test_arguments_arrive_as_they_were(tmp_path: Path) -> None:
    told = script(tmp_path, 'eval "set -- $7"; for one in "$@"; do echo "<$one>"; done')
    run = Ssh("root@host.example", "wp-toolkit", told)
    said = run("--list", "a b; rm -rf /", "$(id)", "'", effect=False)
    assert said.split("\n")[:-1] == [
        "<wp-toolkit>", "<--list>", "<a b; rm -rf />", "<$(id)>", "<'>",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "effect", "error"),
    [(255, True, Ambiguous), (255, False, Transient), (1, True, Rejected)],
)
def test_a_line_that_breaks_proves_nothing(
    tmp_path: Path, status: int, effect: bool, error: type[Exception]
) -> None:
    client = script(tmp_path, f"echo no >&2; exit {status}")
    with pytest.raises(error):
        Ssh("root@host.example", "wp-toolkit", client)("--list", effect=effect)


def test_what_is_no_client_was_not_run(tmp_path: Path) -> None:
    missing = str(tmp_path / "nothing")
    with pytest.raises(Transient, match="not run"):
        Ssh("root@host.example", "wp-toolkit", missing)("--list", effect=True)


@pytest.mark.parametrize("place", ["-oProxyCommand=x", "a b", "root@", "", "a;b"])
def test_a_place_is_no_option(place: str) -> None:
    with pytest.raises(Rejected, match="no place"):
        Ssh(place, "wp-toolkit")
