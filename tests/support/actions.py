"""
GitHub Actions on this machine: runs the ``run:`` steps of a workflow as they stand.

What GitHub does around them is done here: the checkout, the token and its permissions,
which secrets a job sees, artifacts, outputs, conditions, and the end of a job that is
cancelled. Of other people's actions only those that the workflows use are known.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_WHO = ["-c", "user.name=Ann", "-c", "user.email=ann@agency.example"]


@dataclass
class Step:
    """What became of one step."""

    name: str
    outcome: str
    out: str = ""
    environ: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)


@dataclass
class Job:
    """What became of one job."""

    name: str
    result: str = "success"
    steps: list[Step] = field(default_factory=list)
    summary: str = ""
    token: str = ""

    def __getitem__(self, name):
        return next(step for step in self.steps if step.name == name)

    @property
    def out(self):
        return "\n".join(step.out for step in self.steps)


class Actions:
    """
    The runners of one repository.

    Args:
        tmp: A folder of their own.
        hub: The API; its repository is what runs belong to.
        remote: The bare repository that is checked out.
        secrets: Of the repository: a pull request from a fork sees none.
        machine: What every step's environment has besides.
    """

    def __init__(self, tmp: Path, hub, remote: Path, secrets, machine):
        self.tmp, self.hub, self.remote = tmp, hub, remote
        self.secrets, self.machine = dict(secrets), dict(machine)
        self.variables: dict[str, str] = {}
        self.bin = tmp / "bin"
        self.installed = tmp / "installed"
        self._count = 0
        self._programs()
        # A job without `contents: write` has a token that cannot push.
        hook = remote / "hooks" / "pre-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text('#!/bin/sh\n[ "${MAY_PUSH-yes}" = yes ]\n')
        hook.chmod(0o755)

    def _programs(self):
        """`reconciler` as installed; `pip` writes down what it was told to install."""
        self.bin.mkdir(parents=True)
        python = sys.executable
        (self.bin / "reconciler").write_text(
            f'#!/bin/sh\nexec {python} -m reconciler.cli "$@"\n'
        )
        (self.bin / "python").write_text(
            "#!/bin/sh\n"
            # Python looks in the folder it runs in first, unless it is told not to.
            f'if [ "$1" = -I ]; then shift; elif [ -e pip.py ]; then exec {python} "$@"; fi\n'
            f'[ "$2" = pip ] || exec {python} "$@"\n'
            "for last; do :; done\n"
            f'if [ "$4" = --requirement ]; then cat "$last" >> {self.installed}\n'
            f'else echo "$last" >> {self.installed}; fi\n'
        )
        for program in self.bin.iterdir():
            program.chmod(0o755)

    def run(self, workflow, *, event, ref="refs/heads/main", number=None, jobs=None, fork=False, inputs=None, payload=None, actor="ann", base="main", commit=None, stop=None, replaced=None):  # fmt: skip
        """
        Run the jobs of *workflow* (a path in the commit that GitHub takes it from).

        Args:
            ref: Where it runs: the merge of a pull request, or a branch.
            number: The run's number; a new one where it is left out.
            jobs: Only these: a job after a gate runs when it is let.
            fork: The event comes from a fork.
            stop: (step, predicate): cancel the job in that step once it is true; a
                third is the signal, where it is none that nobody can answer.
        """
        number = number or self.hub.run(event=event, path=workflow)
        commit = commit or self.git("rev-parse", ref)
        text = self.git("show", f"{commit}:{workflow}")
        loaded = yaml.safe_load(text)
        context = {
            "github": {
                "event_name": event,
                "ref": ref,
                "sha": commit,
                "run_id": str(number),
                "event": {"repository": {"default_branch": "main"}, **(payload or {})},
            },
            "inputs": inputs or {},
            "secrets": {} if fork else self.secrets,
            "vars": {} if fork else self.variables,
        }
        done = {}
        for name, job in loaded["jobs"].items():
            if jobs is not None and name not in jobs:
                continue
            if any(
                done[n].result != "success" for n in [job.get("needs")] if n in done
            ):
                continue
            if "if" in job and not _true(_value(str(job["if"]), context)):
                continue
            runner = _Runner(self, name, job, context, fork=fork, actor=actor, base=base, stop=stop, text=loaded)  # fmt: skip
            done[name] = runner.run()
        return done

    def git(self, *argv, stdin=None):
        done = subprocess.run(
            ["git", *_WHO, "-C", str(self.remote), *argv],
            input=stdin,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def folder(self):
        self._count += 1
        made = self.tmp / f"job-{self._count}"
        made.mkdir()
        return made


class _Runner:
    def __init__(self, actions, name, job, context, *, fork, actor, base, stop, text):
        self.actions, self.hub, self.job = actions, actions.hub, job
        self.context, self.fork, self.stop = {**context, "steps": {}}, fork, stop
        self.temp = actions.folder()
        self.work = self.temp / "work"
        granted = {k.replace("-", "_"): v for k, v in (job.get("permissions") or {}).items()}  # fmt: skip
        if fork:  # whatever the workflow asks for
            granted = dict.fromkeys(granted, "read")
        self.token = self.hub.token(**granted)
        self.context["github"] = {**context["github"], "token": self.token}
        self.may_push = granted.get("contents") == "write"
        self.done = Job(name, token=self.token)
        github = self.context["github"]
        self.environ = {
            "HOME": str(self.temp),
            "LANG": "C.UTF-8",
            "PATH": f"{actions.bin}:{os.environ['PATH']}",
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTOR": actor,
            "GITHUB_API_URL": self.hub.api,
            "GITHUB_BASE_REF": base if github["event_name"] == "pull_request" else "",
            "GITHUB_EVENT_NAME": github["event_name"],
            "GITHUB_REF": github["ref"],
            "GITHUB_REPOSITORY": self.hub.name,
            "GITHUB_RUN_ID": github["run_id"],
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_SHA": github["sha"],
            "GITHUB_WORKSPACE": str(self.work),
            "RUNNER_TEMP": str(self.temp),
            "MAY_PUSH": "yes" if self.may_push else "no",
            **actions.machine,
        }
        self.work.mkdir()

    def run(self):
        failed = cancelled = False
        for number, step in enumerate(self.job["steps"]):
            name = step.get("name") or step.get("uses", "").partition("@")[0]
            self.context["failed"], self.context["cancelled"] = failed, cancelled
            condition = str(step.get("if", "success()"))
            found = EXPRESSION.fullmatch(condition)
            if not _true(_value(found[1] if found else condition, self.context)):
                self.done.steps.append(Step(name, "skipped"))
                continue
            made = self._uses(name, step) if "uses" in step else self._run(name, step, number)  # fmt: skip
            self.done.steps.append(made)
            if "id" in step:
                outcome = {"outputs": made.outputs, "outcome": made.outcome}
                self.context["steps"][step["id"]] = outcome
            cancelled |= made.outcome == "cancelled"
            failed |= made.outcome == "failure"
        self.done.result = "cancelled" if cancelled else "failure" if failed else "success"  # fmt: skip
        summary = self.temp / "summary.md"
        self.done.summary = summary.read_text() if summary.exists() else ""
        return self.done

    def _filled(self, text):
        return EXPRESSION.sub(lambda found: _text(_value(found[1], self.context)), str(text))  # fmt: skip

    def _run(self, name, step, number):
        script = self.temp / f"step-{number}.sh"
        assert "${{" not in step["run"]
        script.write_text(step["run"])
        outputs = self.temp / f"outputs-{number}"
        outputs.touch()
        environ = {
            **self.environ,
            "GITHUB_OUTPUT": str(outputs),
            "GITHUB_STEP_SUMMARY": str(self.temp / "summary.md"),
            **{key: self._filled(value) for key, value in (step.get("env") or {}).items()},
        }  # fmt: skip
        out = self.temp / f"out-{number}"
        with out.open("wb") as file:
            process = subprocess.Popen(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
                cwd=self.work,
                env=environ,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            cancelled = self._cancelled(process, name)
            process.wait(timeout=60)
        said = out.read_text("utf-8", "replace")
        pairs = [line.partition("=") for line in outputs.read_text().splitlines()]
        found = {key: value for key, _, value in pairs}
        outcome = "success" if process.returncode == 0 else "failure"
        return Step(name, "cancelled" if cancelled else outcome, said, environ, found)

    def _cancelled(self, process, name):
        """Cancel as GitHub does, first kindly and at last not: the whole group dies."""
        if self.stop is None or self.stop[0] != name:
            return False
        while True:
            # Asked first: a step that is cancelled at once may be over at once, too.
            if self.stop[1]():
                os.killpg(process.pid, (*self.stop, signal.SIGKILL)[2])
                return True
            if process.poll() is not None:
                break
            time.sleep(0.01)
        raise AssertionError(f"{name} ended before it could be cancelled")

    def _uses(self, name, step):
        action = step["uses"].partition("@")[0]
        given = {key: self._filled(value) for key, value in (step.get("with") or {}).items()}  # fmt: skip
        known = {
            "actions/checkout": self._checkout,
            "actions/setup-python": lambda _: True,
            "actions/upload-artifact": self._upload,
            "actions/download-artifact": self._download,
        }
        return Step(name, "success" if known[action](given) else "failure")

    def _checkout(self, given):
        github = self.context["github"]
        ref = given.get("ref") or github["sha"]
        remote = f"file://{self.actions.remote}"
        for argv in (
            ["init", "-q", "-b", "main", str(self.work)],
            ["-C", str(self.work), "remote", "add", "origin", remote],
            ["-C", str(self.work), "fetch", "-q", "origin", "+refs/heads/*:refs/remotes/origin/*", "+refs/pull/*:refs/remotes/pull/*"],
        ):  # fmt: skip
            subprocess.run(["git", *argv], check=True, capture_output=True)
        branch = ["-B", ref, f"origin/{ref}"] if ref == "main" else ["--detach", ref]
        argv = ["git", "-C", str(self.work), "checkout", "-q", *branch]
        subprocess.run(argv, check=True, capture_output=True)
        return True

    def _upload(self, given):
        folder = self.work / given["path"]
        files = {
            str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        } if folder.exists() else {}  # fmt: skip
        if not files:
            return given.get("if-no-files-found") != "error"
        run = int(self.context["github"]["run_id"])
        self.hub.artifact(run, given["name"], files)
        kept = self.actions.tmp / "artifacts" / str(run) / given["name"]
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(folder, kept)
        return True

    def _download(self, given):
        run = self.context["github"]["run_id"]
        kept = self.actions.tmp / "artifacts" / run / given["name"]
        if not kept.exists():
            return False
        shutil.copytree(kept, self.work / given["path"], dirs_exist_ok=True)
        return True


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _true(value: Any) -> bool:
    return value not in {None, False, ""}


def _value(text: str, context: dict[str, Any]) -> Any:
    """The little of GitHub's expressions that the workflows use; all else is an error."""
    text = text.strip()
    if "&&" in text:
        return all(_true(_value(part, context)) for part in text.split("&&"))
    for operator in ("==", "!="):
        if operator in text:
            left, right = (_text(_value(p, context)) for p in text.split(operator))
            return (left == right) == (operator == "==")
    if text.startswith("!"):
        return not _true(_value(text[1:], context))
    if text in {"cancelled()", "success()", "always()"}:
        ended = context.get("cancelled", False)
        bad = context.get("failed", False) or ended
        return {"cancelled()": ended, "success()": not bad, "always()": True}[text]
    if found := re.fullmatch(r"'([^']*)'", text):
        return found[1]
    assert re.fullmatch(r"[\w-]+(\.[\w-]+)*", text), f"unknown expression: {text}"
    value: Any = context
    for part in text.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
