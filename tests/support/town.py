"""An agency at GitHub: repository, sandbox, API and runners, all on this machine."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import ExitStack

from tests.support.actions import _WHO, Actions
from tests.support.agency import Agency, domain, inventory
from tests.support.github import Hub
from tests.support.shell import shell

OLD = "nameservers: [ns1.old.example, ns2.old.example]"
HEAD = "apiVersion: reconciler/v1\n"
POLICIES = f"""\
{HEAD}ApprovalRule/ops: {{match: {{risks: [disruptive]}}, groups: [ops]}}
Group/ops: {{members: ["@bo", "@cy"]}}
"""
#: Name -> value, as the sandbox's vendors take them; whoever prints one is found.
SECRETS = {
    "PORKBUN_MAIN_API_KEY": "pk1_sandbox",
    "PORKBUN_MAIN_SECRET_API_KEY": "sk1_sandbox",
    "NAMECOM_MAIN_USERNAME": "agency-test",
    "NAMECOM_MAIN_TOKEN": "sandbox-namecom-token",
}
WORKFLOWS = ".github/workflows"
RUN = ".github/workflows/{}.yml"


class Town:
    """Use as a context manager: what ``init`` writes, committed, pushed, and run."""

    def __init__(self, tmp, oddities=None):
        self.tmp = tmp
        files = inventory(
            domain("one.example", "namecom-main", spec=OLD),
            domain("two.example", "namecom-main", spec=OLD),
            domain("flag.example"),
        )
        self.agency = Agency(
            tmp, files, oddities or {}, policies={"house.yaml": POLICIES}
        )

    def __enter__(self):
        with ExitStack() as stack:
            self.sandbox = stack.enter_context(self.agency).sandbox
            self.hub = stack.enter_context(Hub())
            endpoints = self.sandbox.endpoints()
            accounts = [
                f"{name}-main={name}:{endpoints[name]}"
                for name in ("porkbun", "namecom")
            ]
            given = [word for one in accounts for word in ("--provider", one)]
            # Their keys are no files of the repository: only its secrets have them.
            (self.agency.root / "inventory/accounts.yaml").unlink()
            shutil.rmtree(self.agency.root / ".sandbox")
            done = shell("init", self.agency.root, *given, "--package", "reconciler==7")
            assert done.code == 0, done.err
            self.agency.commit("agency: workflows")
            machine = {"RECONCILER_SANDBOX": self.sandbox.control}
            self.actions = Actions(
                self.tmp / "runners", self.hub, self.agency.remote, SECRETS, machine
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    # What people and GitHub do --------------------------------------------------

    def reconcile(self, **more):
        return self.actions.run(RUN.format("reconcile"), event="schedule", **more)[
            "reconcile"
        ]

    def pull(self, edits, *, branch="change", fork=None, number=None):
        """Propose *edits* (path -> (old, new), or text); return (number, head)."""
        clone = self.tmp / f"clone-{branch}"
        if not clone.exists():
            self.git("clone", "-q", "-b", "main", str(self.agency.remote), str(clone))
            self.git("-C", str(clone), "checkout", "-q", "-b", branch)
        for name, edit in edits.items():
            path = clone / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(edit, tuple):
                assert edit[0] in path.read_text()
            text = edit if isinstance(edit, str) else path.read_text().replace(*edit)
            path.write_text(text)
        self.git("-C", str(clone), "add", "--all")
        self.git("-C", str(clone), "commit", "-q", "-m", "a change")
        head = self.git("-C", str(clone), "rev-parse", "HEAD")
        if number is None:
            number = self.hub.pull(head, files=edits, branch=branch, fork=fork)
        else:
            self.hub.pulls[number]["head"]["sha"] = head
        # GitHub keeps both: the proposal, and what main would be with it.
        self.git(
            "-C", str(clone), "push", "-qf", "origin", f"HEAD:refs/pull/{number}/head"
        )
        self.git("-C", str(clone), "fetch", "-q", "origin", "main")
        tree = self.git(
            "-C", str(clone), "merge-tree", "--write-tree", "FETCH_HEAD", head
        )
        merged = self.git("-C", str(clone), "commit-tree", tree, "-p", "FETCH_HEAD", "-p", head, "-m", "merge")  # fmt: skip
        self.git("-C", str(clone), "push", "-qf", "origin", f"{merged}:refs/pull/{number}/merge")  # fmt: skip
        return number, head

    def plan(self, number):
        """Run plan.yml for a pull request; return (its job, the run's number)."""
        head = self.hub.pulls[number]["head"]
        fork = head["repo"]["fork"]
        owner = head["label"].split(":")[0] if fork else None
        run = self.hub.run(sha=head["sha"], branch=head["ref"], fork=owner)
        done = self.actions.run(
            RUN.format("plan"),
            event="pull_request",
            ref=f"refs/pull/{number}/merge",
            number=run,
            fork=fork,
        )
        return done["plan"], run

    def comment(self, run):
        """GitHub runs comment.yml, of the default branch, when the plan has ended."""
        ran = {**self.hub.runs[run], "name": "plan"}
        return self.actions.run(
            RUN.format("comment"),
            event="workflow_run",
            payload={"workflow_run": ran},
        )["comment"]

    def merge(self, number):
        self.agency.git(
            "pull", "-q", "--no-rebase", "origin", f"refs/pull/{number}/head"
        )
        self.agency.git("push", "-q", "origin", "HEAD:main")
        self.hub.pulls[number]["state"] = "closed"

    def dispatch(self, digest, *jobs, number=None, **more):
        number = number or self.hub.run(event="workflow_dispatch", branch="main")
        commits = self.agency.git("rev-list", "HEAD").split()
        self.hub.authors = dict.fromkeys(commits, "ann")
        done = self.actions.run(
            RUN.format("apply-approved"),
            event="workflow_dispatch",
            number=number,
            inputs={"digest": digest},
            jobs=jobs or None,
            **more,
        )
        return done, number

    def comments(self, number):
        return [c["body"] for c in self.hub.comments.values() if c["_issue"] == number]

    def effects(self):
        effects = self.sandbox.ledger.effects()
        return [(e.operation, e.name) for e in effects if e.operation != "by-hand"]

    def published(self, name):
        return self.actions.git("show", f"reconciler/observed/main:{name}")

    def git(self, *argv):
        done = subprocess.run(
            ["git", *_WHO, *argv], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()
