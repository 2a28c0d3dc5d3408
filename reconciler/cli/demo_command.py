"""``reconciler demo``: the whole loop on this machine, with no account anywhere."""

from __future__ import annotations

import json
import shutil
import socket
import tempfile
import time
from datetime import date
from importlib import resources
from pathlib import Path

import click

from reconciler.cli import demo_days
from reconciler.cli.demo_agency import DemoAgency, ended, say, show
from reconciler.cli.demo_backups import Backups
from reconciler.engine.exits import Exit
from reconciler.errors import ReconcilerError, UsageError

#: What the last reviewed commit said: (file, what it says now, what it said then).
YESTERDAY = (
    ("inventory/clients/studio.yaml", "192.0.2.70", "203.0.113.70"),
    ("inventory/clients/novalaw.yaml", "192.0.2.30", "203.0.113.30"),
    (
        "inventory/house.yaml",
        "[ns1.agency.example, ns2.agency.example]",
        "[ns1.agency.example, ns3.agency.example]",
    ),
)
#: The ports of the shipped inventory, by file.
PORTS = {
    "accounts.yaml": ("18701", "18702", "18703", "18704", "18706", "18707", "18727"),
    "certificates.yaml": ("18716",),
    "notices.yaml": ("18705",),
}
#: What a person says about the name that no account has: (file, entry, then, now).
ANSWER = (
    "inventory/clients/studio.yaml",
    "Domain/studio-archive.example:",
    "  provider: porkbun-main",
    "  provider: none",
)
#: Whose periods begin on the day that the demo looks at.
PAYING = ("bakker", "cafe", "fiets")
CLOSED = """\
# A client who left: the next commit removes the file.
apiVersion: reconciler/v1
Domain/closed-client.example: {provider: namecom-main}
"""


@click.command(
    "demo", help="Sandbox, plan, apply, plan again, verify: the whole loop in a minute."
)
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    help="Work there and leave everything to look at.",
)
@click.option(
    "--real",
    is_flag=True,
    help="Certificates alone, and real programs: PowerDNS, Pebble and nginx.",
)
@click.option(
    "--backups",
    is_flag=True,
    help="Backups alone, and real programs: restic, PostgreSQL and MariaDB.",
)
def demo_command(folder: Path | None, *, real: bool, backups: bool) -> None:
    """Run the loop and check its end."""
    if real and backups:
        raise UsageError("--real and --backups are two demos: one after the other")
    if real:
        from reconciler.cli.demo_real import needed

        needed()
    if backups:
        from reconciler.cli import demo_real_backups

        demo_real_backups.needed()
    kept = folder is not None
    where = folder or Path(tempfile.mkdtemp(prefix="reconciler-demo-"))
    if where.exists() and any(where.iterdir()):
        raise ReconcilerError(
            f"{where} is not empty", hint="name a new folder", code="E608"
        )
    began = time.monotonic()
    try:
        with ended():
            _closed(where, real=real, backups=backups)
    finally:
        if not kept:
            shutil.rmtree(where, ignore_errors=True)
    took = time.monotonic() - began
    click.secho(
        f"\nThe loop is closed: nothing is left to do. {took:.0f} s.", bold=True
    )
    if kept:
        click.echo(f"look around: cd {where / 'agency'} && git log --all --oneline")


COMMAND = demo_command


def _closed(where: Path, *, real: bool, backups: bool) -> None:
    """Run one of the demos in *where*, and stop what it started."""
    if backups:
        from reconciler.cli.demo_real_backups import RealBackups

        RealBackups(where / "agency").run(where / "remote.git")
        return
    if real:
        from reconciler.cli.demo_real import RealDemo

        RealDemo(where / "agency").run(where / "remote.git")
        return
    demo = _Demo(where / "agency")
    try:
        demo.prepare(where / "remote.git")
        demo.run()
    finally:
        demo.call("sandbox", "down", quiet=True)


class _Demo(DemoAgency):
    """A copy of the example agency, and its sandbox."""

    def prepare(self, remote: Path) -> None:
        """Make yesterday's commit, start the sandbox on it, then today's commit."""
        say("The example agency: an inventory in git, and its vendors on loopback")
        self.root.mkdir(parents=True)
        for name in ("inventory", "policies"):
            shutil.copytree(example(name), self.root / name)
        self._move_ports()
        since = demo_days.since(date.today())  # noqa: DTZ011  (a day near now will do)
        for name in PAYING:
            path = self.root / "inventory" / "clients" / f"{name}.yaml"
            path.write_text(path.read_text().replace(demo_days.WRITTEN, since))
        today = {name: (self.root / name).read_text() for name, _, _ in YESTERDAY}
        for name, now, then in YESTERDAY:
            (self.root / name).write_text(today[name].replace(now, then))
        closed = self.root / "inventory" / "clients" / "closed.yaml"
        closed.write_text(CLOSED)
        (self.root / ".gitignore").write_text(".sandbox/\n")
        self.begin(remote)
        self.commit("inventory: as it was applied last")
        self.expect("sandbox", "up", "--control-port", "0", "--receiver-port", "0")
        for name, text in today.items():
            (self.root / name).write_text(text)
        closed.unlink()
        self.commit("inventory: new addresses, new nameserver, one client less")

    def run(self) -> None:
        """Look, plan, apply, tell, answer, plan again, verify."""
        from reconciler.cli.show_received import beats, received

        self.expect("validate")
        say("A Site is one entry in git; this is what it stands for")
        self.expect("expand", "Site/broodjes.example")
        say("Monday: what is coming, and who sees to it")
        # One name cannot be read, on purpose: what looks at everything ends with 3.
        incomplete = {Exit.DONE, Exit.PARTLY}
        self.expect("-q", "due", "--horizon", "30d", codes=incomplete)
        say("What somebody changed by hand since the last run")
        self.expect("-q", "drift", codes=incomplete)
        say("The plan: what is due, what was changed by hand, what git changed")
        self.expect("-q", "plan", "--view", "summary", codes=incomplete)
        say("One client's part of it, with the reason of each action")
        self.expect("-q", "plan", "--select", "client=bakker")
        say("Apply: what policy allows; the rest waits for a person")
        apply = ("-q", "apply", "--auto-approve", "--held-ok")
        self.expect(*apply, codes=incomplete)
        say("A certificate has three states, and they agree: issued, installed, served")
        self.expect("-q", "explain", "Certificate/fiets.example")
        say("Who was told")
        show(received(self._control()))
        say("A person answers in git, the next run is complete, the heartbeat beats")
        self._answer()
        # Two actions are denied still: at night nobody is there.
        self.expect(*apply, codes={Exit.DONE, Exit.DENIED}, quiet=True)
        show(beats(self._control()))
        say("The second plan: nothing more to do")
        out = self.root / ".sandbox" / "second-plan.json"
        self.expect("-q", "plan", "--view", "summary", aside=("--out", str(out)))
        if not json.loads(out.read_text())["summary"]["noop"]:
            raise ReconcilerError("the second plan still has something to do")
        Backups(self, self.root.parent / "beside", self._control()).run()
        self._money()
        say("The audit log, and the proof that it is what was written")
        self.expect("audit", "log", "--select", "Subscription/fiets.example")
        self.expect("audit", "verify")

    def _money(self) -> None:
        """Let customers be invoiced and pay: by card, by a card that fails, by bank."""
        from reconciler.cli.show_received import letters

        days = demo_days.Days(date.today())  # noqa: DTZ011  (as above)
        apply = ("-q", "apply", "--auto-approve", "--select", "Subscription")
        say(f"{days.invoiced:%A, %d %B}: three customers are invoiced, and told")
        demo_days.go(self._control(), days.invoiced)
        self.expect(*apply)
        show(letters(self._control()))
        say(f"{days.charged:%A, %d %B}: one card pays, one is declined")
        demo_days.go(self._control(), days.charged)
        # Dunning sees to a card that is declined: no run failed because of it.
        self.expect(*apply)
        show(letters(self._control(), days.charged))
        self.expect("explain", "Subscription/cafe-menu.example")
        self.expect("owed")
        self.expect("-q", "books")

    def _control(self) -> str:
        running = json.loads((self.root / ".sandbox" / "sandbox.json").read_text())
        return str(running["control"])

    def _answer(self) -> None:
        """Commit what only a person could know: nobody holds that name any more."""
        name, entry, then, now = ANSWER
        path = self.root / name
        head, _, tail = path.read_text().partition(entry)
        path.write_text(head + entry + tail.replace(then, now, 1))
        click.echo(f"{name}\n  {entry}\n- {then}\n+ {now}")
        self.commit("inventory: studio-archive.example is held by nobody here")

    def _move_ports(self) -> None:
        """Use free ports: the shipped ones may be taken by a sandbox of yours."""
        for name, ports in PORTS.items():
            path = self.root / "inventory" / name
            text = path.read_text()
            for port in ports:
                text = text.replace(port, str(_free_port()))
            path.write_text(text)


def example(name: str) -> Path:
    """Return a folder of the shipped example: in the package, or in the checkout."""
    package = Path(str(resources.files("reconciler")))
    shipped = package / "sandbox" / "example_files" / name
    return shipped if shipped.is_dir() else package.parent / name


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
