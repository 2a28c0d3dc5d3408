"""What the doctor finds, each with a fix: tables, and real remotes that refuse."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from starlette.responses import Response

from reconciler.audit import LockStatus
from reconciler.audit.published import Heartbeat
from reconciler.cli.doctor import clock
from reconciler.cli.doctor.books import lock
from reconciler.cli.doctor.schedule import aged
from reconciler.cli.doctor_command import parsed_age
from reconciler.errors import UsageError
from reconciler.sandbox import Fault
from reconciler.sandbox.example import Oddity
from tests.support.agency import Agency, domain, inventory
from tests.support.receivers import Inbox, Receiver
from tests.support.shell import at, shell

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
DAY = timedelta(hours=26)


def beat(hours, *, complete=True, last=None, code=0):
    return Heartbeat(
        run="run-1",
        at=NOW - timedelta(hours=hours),
        commit="c",
        complete=complete,
        exit=code,
        last_complete=NOW - timedelta(hours=last) if last is not None else None,
    )


@pytest.mark.parametrize(
    ("found", "level", "said"),
    [
        (None, "FIX", "no complete run was ever seen"),
        (
            beat(1, complete=False, code=3),
            "FIX",
            "ever seen; the last one (run-1) ended with 3",
        ),
        (beat(1), "ok", "ended 1 h ago"),
        (beat(1, last=1), "ok", "ended 1 h ago"),
        (beat(26, last=26), "ok", "ended 26 h ago"),
        (beat(27, last=27), "FIX", "ended 27 h ago"),
        (beat(1, complete=False, last=20, code=9), "ok", "ended 20 h ago"),
        (
            beat(1, complete=False, last=30, code=9),
            "FIX",
            "since then one ended with 9",
        ),
        (beat(100, last=100), "FIX", "ended 4 d ago"),
        (beat(0, last=0), "ok", "ended 0 min ago"),
    ],
)
def test_the_age_of_the_last_complete_run(found, level, said):
    check = aged(found, NOW, DAY)
    assert check.level == level
    assert said in check.said
    assert bool(check.fix) == (level == "FIX")


@pytest.mark.parametrize(
    ("released", "hours", "level"),
    [(True, -1, "ok"), (False, 1, "note"), (False, -1, "FIX")],
)
def test_a_lock_is_free_held_or_stale(released, hours, level):
    until = NOW + timedelta(hours=hours)
    assert lock(LockStatus("run-1", "ann", 3, NOW, until, released), NOW).level == level


@pytest.mark.parametrize("age", ["", "26", "1y", "-5h", "26 h", "99999h"])
def test_an_age_that_is_none(age):
    with pytest.raises(UsageError, match="no age"):
        parsed_age(age)


def test_ages():
    assert parsed_age("26h") == DAY
    assert parsed_age("2d") == timedelta(days=2)


class TestClock:
    def told(self, date):
        headers = {"Date": date} if date else {}

        async def answer(_request):
            return Response(headers=headers)

        from starlette.applications import Starlette
        from starlette.routing import Route

        with Receiver() as receiver:
            receiver._server.stop()
            app = Starlette(routes=[Route("/", answer, methods=["HEAD"])])
            receiver._server.app = app
            receiver.port = receiver._server.start("127.0.0.1", 0)
            return clock.told(f"http://127.0.0.1:{receiver.port}/api")

    def test_the_date_of_a_server(self):
        assert self.told("Sun, 22 Nov 2026 06:00:00 GMT") == NOW
        assert self.told(None) is None
        assert self.told("yesterday") is None
        assert clock.told("http://127.0.0.1:9/") is None

    @pytest.mark.parametrize(
        ("off", "level", "said"),
        [
            (0, "ok", "within 0 s of 1 servers"),
            (119, "ok", "within 119 s"),
            (121, "FIX", "is 121 s ahead of vendor.example"),
            (-600, "FIX", "is 600 s behind vendor.example"),
        ],
    )
    def test_how_far_it_may_be_off(self, off, level, said, monkeypatch):
        class Some:
            system_time = NOW + timedelta(seconds=off)
            accounts_declared = {"a": None}

        monkeypatch.setattr(clock, "_url", lambda _: "https://vendor.example/api")
        monkeypatch.setattr(clock, "told", lambda _: NOW)
        (check,) = clock.checks(Some())
        assert check.level == level
        assert said in check.said


HEAD = "apiVersion: reconciler/v1\n"


def run(agency, *argv, **environ):
    return shell("-C", agency.root, "doctor", *argv, environ=agency.environ() | environ)


@pytest.fixture(scope="module")
def agency(tmp_path_factory):
    files = inventory(domain("a.example"), domain("b.example", "namecom-main"))
    odd = {"a.example": Oddity({"apiAccess": False})}
    with Agency(tmp_path_factory.mktemp("doctor"), files, odd) as made:
        for path in (made.root / ".sandbox" / "secrets").iterdir():
            path.chmod(0o600)
        yield made


def fixes(done):
    lines = done.out.splitlines()
    return [" ".join(line.split()[1:]) for line in lines if line.startswith("  FIX")]


class TestWhole:
    def test_what_is_well_and_what_is_not(self, agency):
        assert at(agency, "-q", "apply", "--auto-approve").code == 0
        done = run(agency)
        assert done.code == 1, done.out
        assert [line.partition(" ")[0] for line in fixes(done)] == [
            "policies",
            "porkbun-main",
            "heartbeat",
            "notices",
        ]
        assert "API access is off for a.example" in done.out
        for said in (
            "custom refs and atomic pushes with leases work on this host",
            "the chain is whole",
            "the last complete run ended",
            "secrets           6 can be had; none of them is shown",
        ):
            assert said in done.out
        listed = agency.git("ls-remote", "origin", "refs/reconciler/doctor*")
        assert listed == ""

    def test_json_says_the_same(self, agency):
        done = run(agency, "--format", "json")
        said = json.loads(done.out)
        assert said["ok"] is False
        assert {c["level"] for c in said["checks"]} == {"ok", "note", "FIX"}
        assert all(bool(c["fix"]) == (c["level"] == "FIX") for c in said["checks"])

    def test_a_missing_secret_is_named_and_its_account_not_asked(self, agency):
        path = agency.root / ".sandbox" / "secrets" / "namecom-token"
        away = path.rename(path.with_name("away"))  # and back, mode and all
        try:
            done = run(agency)
        finally:
            away.rename(path)
        assert (
            "Provider/namecom-main credentials.token: the secret "
            "file:.sandbox/secrets/namecom-token cannot be read" in fixes(done)
        )
        assert "is not asked: a secret cannot be had" in done.out

    def test_a_secret_in_git_or_open_to_all(self, agency):
        path = agency.root / ".sandbox" / "secrets" / "namecom-token"
        path.chmod(0o644)
        agency.git("add", "--force", str(path))
        try:
            found = fixes(run(agency))
        finally:
            agency.git("rm", "--cached", "-q", str(path))
            path.chmod(0o600)
        assert any("is in git, which cannot forget it" in said for said in found)
        assert any("can be read by everybody" in said for said in found)

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            (
                "account: agency-test",
                "account: other-test",
                "belong to agency-test, declared is other-test",
            ),
            (
                "  account: agency-test\n",
                "",
                "not declared; the keys belong to agency-test",
            ),
            ("porkbun\n", "porkbun\n  account: me\n", "do not tell whose they are"),
            ("type: namecom", "type: nobody", "there is no vendor"),
        ],
    )
    def test_whose_the_keys_are(self, agency, old, new, said):
        text = (agency.root / "inventory/accounts.yaml").read_text()
        agency.edit("inventory/accounts.yaml", old, new)
        try:
            found = fixes(run(agency))
        finally:
            agency.write("inventory/accounts.yaml", text)
        assert any(said in one for one in found), found

    def test_keys_that_are_not_taken_and_a_vendor_that_is_down(self, agency):
        path = agency.root / ".sandbox" / "secrets" / "porkbun-api-key"
        kept = path.read_text()
        path.write_text("wrong-canary")
        agency.sandbox.inject(Fault(vendor="namecom", kind="status", times=0))
        try:
            done = run(agency)
        finally:
            path.write_text(kept)
            agency.sandbox.faults.clear()
        assert any(
            s.startswith("porkbun-main the keys are not taken") for s in fixes(done)
        )
        assert any(s.startswith("namecom-main does not answer") for s in fixes(done))
        assert "canary" not in done.out + done.err

    def test_the_keys_of_a_root_user(self, agency):
        state = agency.sandbox.bench("aws").state
        state["principal"] = "root"
        try:
            found = fixes(run(agency))
        finally:
            del state["principal"]
        assert "aws the keys are those of the root user: no policy limits them" in found

    def test_a_broken_inventory_hides_no_other_trouble(self, agency):
        agency.write("inventory/broken.yaml", HEAD + "Domain/x: {}\n")
        try:
            done = run(agency)
        finally:
            (agency.root / "inventory/broken.yaml").unlink()
        assert done.code == 1
        assert "reconciler validate shows them all" in done.out
        assert "custom refs and atomic pushes" in done.out
        assert done.err == ""


class TestChannels:
    def text(self, port):
        return (
            f"{HEAD}NotificationChannel/mail: {{type: smtp, smtp: {{host: 127.0.0.1, port: {port}, "
            "tls: none, from: a@agency.example, to: [b@agency.example]}}\n"
            "NotificationChannel/hook: {type: webhook, webhook: {url: {env: HOOK}}}\n"
            "NotificationChannel/pulse: {type: heartbeat, heartbeat: {url: {env: BEAT}}}\n"
        )

    def test_they_are_greeted_and_nothing_is_sent(self, agency):
        with Inbox() as inbox, Receiver() as receiver:
            agency.write("inventory/channels.yaml", self.text(inbox.port))
            try:
                good = run(agency, HOOK=receiver.url, BEAT=receiver.url)
                bad = run(
                    agency, HOOK="http://1.1.1.1/canary", BEAT="https://10.0.0.1/canary"
                )
            finally:
                (agency.root / "inventory/channels.yaml").unlink()
        assert inbox.mails == receiver.got == []
        assert good.out.count("could be used now; nothing was sent") == 3
        assert "NotificationChannel/hook the URL is not https" in fixes(bad)
        assert (
            "NotificationChannel/pulse the host of the URL is no public address"
            in fixes(bad)
        )
        assert "canary" not in bad.out + bad.err


def git(folder, *argv):
    who = ["-c", "user.name=Ann", "-c", "user.email=ann@agency.example"]
    environ = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    return subprocess.run(
        ["git", *who, "-C", str(folder), *argv],
        check=True,
        capture_output=True,
        text=True,
        env=environ,
    ).stdout


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("remote")
    git(folder, "init", "-q", "--bare", "-b", "main", "remote.git")
    made = folder / "agency"
    assert shell("init", made).code == 0
    git(made, "add", ".")
    git(made, "commit", "-q", "-m", "x")
    git(made, "remote", "add", "origin", "../remote.git")
    git(made, "push", "-q", "origin", "HEAD:main")
    return made


class TestRemote:
    """Hosts that refuse what the lock needs, each told by its own fix."""

    def found(self, root):
        done = shell("-C", root, "doctor")
        return [line for line in done.out.splitlines() if line[8:11] == "git"]

    def left(self, root):
        return git(root, "ls-remote", "origin", "refs/reconciler/*")

    def test_a_good_one(self, root):
        assert [line[:6] for line in self.found(root)] == ["  note", "  note", "  ok  "]
        assert self.left(root) == ""

    def test_no_atomic_push(self, root):
        bare = root.parent / "remote.git"
        git(bare, "config", "receive.advertiseAtomic", "false")
        try:
            assert "moves no several refs at once" in self.found(root)[-1]
        finally:
            git(bare, "config", "receive.advertiseAtomic", "true")
        assert self.left(root) == ""

    def test_no_custom_refs(self, root):
        hook = root.parent / "remote.git" / "hooks" / "update"
        hook.write_text('#!/bin/sh\ncase "$1" in refs/heads/*) exit 0;; esac\nexit 1\n')
        hook.chmod(0o755)
        try:
            assert "does not take refs under refs/reconciler/" in self.found(root)[-1]
        finally:
            hook.unlink()
        assert self.left(root) == ""

    def test_no_way_to_remove_them(self, root):
        hook = root.parent / "remote.git" / "hooks" / "update"
        hook.write_text("#!/bin/sh\ncase $3 in 00000000*) exit 1;; esac\n")
        hook.chmod(0o755)
        try:
            assert "cannot be removed again" in self.found(root)[-1]
        finally:
            hook.unlink()
        for line in self.left(root).splitlines():
            git(root, "push", "-q", "origin", f":{line.split()[1]}")

    def test_nobody_there(self, root, monkeypatch):
        monkeypatch.setattr("time.sleep", lambda _: None)  # between the tries
        git(root, "remote", "set-url", "origin", "https://user:canary@127.0.0.1:9/x")
        try:
            (last,) = self.found(root)[-1:]
        finally:
            git(root, "remote", "set-url", "origin", "../remote.git")
        assert "cannot be read" in last
        assert "canary" not in last

    def test_a_shallow_clone(self, root, tmp_path):
        git(root, "commit", "-q", "--allow-empty", "-m", "y")
        git(root, "push", "-q", "origin", "HEAD:main")
        git(
            tmp_path,
            "clone",
            "-q",
            "--depth=1",
            f"file://{root.parent}/remote.git",
            "cut",
        )
        assert any("is shallow" in line for line in self.found(tmp_path / "cut"))

    def test_no_remote(self, root):
        git(root, "remote", "rename", "origin", "one")
        git(root, "remote", "add", "two", "../remote.git")
        try:
            assert "none is called origin" in self.found(root)[-1]
        finally:
            git(root, "remote", "remove", "two")
        git(root, "remote", "rename", "one", "origin")
        git(root, "remote", "remove", "origin")
        try:
            assert "there is no remote" in self.found(root)[-1]
        finally:
            git(root, "remote", "add", "origin", "../remote.git")

    def test_no_repository_at_all(self, tmp_path):
        (tmp_path / "inventory").mkdir()
        done = shell("-C", tmp_path, "doctor")
        assert done.code == 1
        assert "this is no repository" in done.out
        assert done.err == ""

    def test_a_schedule_at_the_full_hour(self, root):
        path = root / ".github" / "workflows" / "reconcile.yml"
        text = path.read_text()
        path.write_text(text.replace('"17 1,', '"0 1,'))
        said = "'0 1,7,13,19 * * *' is at the full hour"
        try:
            assert said in shell("-C", root, "doctor").out
        finally:
            path.write_text(text)
