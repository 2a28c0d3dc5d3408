"""
GitHub's REST API on this machine: what the workflows use of it, honestly.

State is data, tokens have permissions, lists have pages, and an artifact is on another
host that wants no token. From https://docs.github.com/en/rest (2022-11-28); held to it
by tests/support/test_github_emulator.py.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import zipfile
from threading import RLock
from typing import Any, NamedTuple
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reconciler.sandbox.gate import _hang_up
from reconciler.sandbox.server import AsgiServer

BOT = "github-actions[bot]"
LONGEST = 65536
_READ = {"read": 1, "write": 2}


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status, message, **more):
        super().__init__(message)
        self.status = status
        self.data = {"message": message, "documentation_url": "https://docs.github.com/rest", "status": str(status), **more}  # fmt: skip


class Asked(NamedTuple):
    """One request, with what its token may do."""

    method: str
    path: dict[str, str]
    query: dict[str, str]
    body: dict[str, Any]
    login: str


class Hub:
    """
    One private repository. Use as a context manager; ``api`` is GITHUB_API_URL.

    Attributes:
        log: (method, path, status) of every request.
        broken: Answers to give instead, in order: (status, headers, data), "lost"
            (the request takes effect, its answer does not arrive) or None (as ever).
    """

    def __init__(self, name="agency/inventory"):
        self.name = name
        self.lock = RLock()
        self.tokens: dict[str, tuple[str, dict[str, str]]] = {}
        self.pulls: dict[int, dict[str, Any]] = {}
        self.files: dict[int, list[str]] = {}
        self.issues: dict[int, dict[str, Any]] = {}
        self.comments: dict[int, dict[str, Any]] = {}
        self.runs: dict[int, dict[str, Any]] = {}
        self.artifacts: dict[int, tuple[dict[str, Any], bytes]] = {}
        self.reviews: dict[int, list[dict[str, Any]]] = {}
        self.sarifs: list[dict[str, Any]] = []
        self.dispatched: list[dict[str, Any]] = []
        self.environments: dict[str, list[str]] = {}
        self.authors: dict[str, str | None] = {}
        self.committers: dict[str, str] = {}
        self.brought: dict[str, int] = {}
        self.advanced_security = True
        self.drops_labels = False
        self.broken: list[Any] = []
        self.log: list[tuple[str, str, int]] = []
        self._next = 100
        self._api = Starlette(routes=self._routes())

        async def serve(scope, receive, send):
            await self._losing(scope, receive, send)

        self._server = AsgiServer(serve)
        self._blobs = AsgiServer(Starlette(routes=[Route("/{id:int}", self._blob)]))

    def __enter__(self):
        self.api = f"http://127.0.0.1:{self._server.start('127.0.0.1', 0)}"
        self._blob_host = f"http://127.0.0.1:{self._blobs.start('127.0.0.1', 0)}"
        return self

    def __exit__(self, *_):
        self._server.stop()
        self._blobs.stop()

    async def _losing(self, scope, receive, send):
        """Serve; where the answer is to be lost, close the connection after it."""
        if self.broken[:1] != ["lost"]:
            await self._api(scope, receive, send)
            return
        self.broken.pop(0)

        async def nobody(_message):
            pass

        await self._api({**scope, "lost": True}, receive, nobody)
        await _hang_up(send)

    # What a test arranges -------------------------------------------------------

    def number(self):
        self._next += 1
        return self._next

    def token(self, login=BOT, **permissions):
        """Return a token with only these permissions (``pull_requests="write"``)."""
        made = f"ghs_canary{self.number():030d}"
        allowed = {name.replace("_", "-"): level for name, level in permissions.items()}
        self.tokens[made] = (login, allowed)
        return made

    def environ(self, token, **more):
        return {
            "GITHUB_API_URL": self.api,
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_REPOSITORY": self.name,
            "GITHUB_TOKEN": token,
            **more,
        }

    def pull(self, sha, *, files=(), branch="change", fork=None, state="open", by="ann"):  # fmt: skip
        """Open a pull request, from a fork's owner if there is one."""
        number = self.number()
        owner = fork or self.name.split("/")[0]
        head = f"{owner}/{self.name.split('/')[1]}"
        self.pulls[number] = {
            "number": number,
            "state": state,
            "user": {"login": fork or by, "type": "User"},
            "merged_at": None,
            "head": {"ref": branch, "sha": sha, "label": f"{owner}:{branch}", "repo": {"full_name": head, "fork": bool(fork)}},
            "base": {"ref": "main", "repo": {"full_name": self.name, "default_branch": "main"}},
        }  # fmt: skip
        self.issues[number] = _issue(number, "a change", "", "ann", pull=True)
        self.files[number] = list(files)
        return number

    def merged(self, pull, *commits):
        """Somebody merges: from now on it is what brought these commits."""
        self.pulls[pull].update(state="closed", merged_at="2026-11-22T06:00:00Z")
        self.brought.update(dict.fromkeys(commits, pull))

    def run(self, *, event="pull_request", sha="0" * 40, branch="change", fork=None, path=".github/workflows/plan.yml"):  # fmt: skip
        number = self.number()
        owner = fork or self.name.split("/")[0]
        # For a fork's pull request GitHub leaves the list empty.
        linked = [] if fork else [
            {"number": n, "head": {"sha": p["head"]["sha"]}}
            for n, p in self.pulls.items()
            if p["head"]["sha"] == sha
        ]  # fmt: skip
        self.runs[number] = {
            "id": number,
            "event": event,
            "path": path,
            "head_sha": sha,
            "head_branch": branch,
            "head_repository": {"full_name": f"{owner}/{self.name.split('/')[1]}", "owner": {"login": owner}},
            "pull_requests": linked,
            "status": "completed",
            "conclusion": "success",
            "html_url": f"https://github.example/{self.name}/actions/runs/{number}",
        }  # fmt: skip
        return number

    def artifact(self, run, name, files):
        """Upload a folder (name -> bytes) as upload-artifact does; or a raw zip."""
        data = files if isinstance(files, bytes) else zipped(files)
        number = self.number()
        described = {
            "id": number,
            "name": name,
            "size_in_bytes": len(data),
            "expired": False,
            "archive_download_url": f"{self.api}/repos/{self.name}/actions/artifacts/{number}/zip",
            "workflow_run": {"id": run},
        }
        self.artifacts[number] = (described, data)
        return number

    def review(self, run, environment, login, state="approved", comment=""):
        made = {
            "state": state,
            "comment": comment,
            "environments": [{"id": 1, "name": environment}],
            "user": {"login": login, "type": "User"},
        }
        self.reviews.setdefault(run, []).append(made)

    def comment(self, issue, login, body):
        """Somebody else comments."""
        number = self.number()
        self.comments[number] = _comment(number, issue, login, body)
        return number

    def issue(self, login, title, body, labels=()):
        number = self.number()
        self.issues[number] = _issue(number, title, body, login, labels)
        return number

    def open_issues(self):
        return {
            n: i
            for n, i in self.issues.items()
            if i["state"] == "open" and "pull_request" not in i
        }

    # What the API does ----------------------------------------------------------

    def _routes(self):
        root = "/repos/{owner}/{repo}"
        table = [
            ("GET", "/actions/runs/{run:int}", "actions:read", self._run),
            ("GET", "/actions/runs/{run:int}/artifacts", "actions:read", self._artifacts),
            ("GET", "/actions/runs/{run:int}/approvals", "actions:read", self._approvals),
            ("GET", "/actions/artifacts/{id:int}/zip", "actions:read", self._zip),
            ("GET", "/commits/{sha}", "contents:read", self._commit),
            ("GET", "/commits/{sha}/pulls", "pull-requests:read", self._bringing),
            ("POST", "/actions/workflows/{file}/dispatches", "actions:write", self._dispatch),
            ("GET", "/environments/{name}", "actions:read", self._environment),
            ("GET", "/pulls", "pull-requests:read", self._pulls),
            ("GET", "/pulls/{pull:int}", "pull-requests:read", self._pull),
            ("GET", "/pulls/{pull:int}/files", "pull-requests:read", self._files),
            ("GET", "/issues", "issues:read", self._issues),
            ("POST", "/issues", "issues:write", self._open),
            ("PATCH", "/issues/{issue:int}", "issues:write", self._edit),
            ("POST", "/issues/{issue:int}/labels", "issues:write", self._label),
            ("GET", "/issues/{issue:int}/comments", "talk:read", self._comments),
            ("POST", "/issues/{issue:int}/comments", "talk:write", self._say),
            ("PATCH", "/issues/comments/{id:int}", "talk:write", self._resay),
            ("DELETE", "/issues/comments/{id:int}", "talk:write", self._unsay),
            ("POST", "/code-scanning/sarifs", "security-events:write", self._sarif),
        ]  # fmt: skip
        return [
            Route(root + path, self._serve(needs, serve), methods=[method])
            for method, path, needs, serve in table
        ]

    def _serve(self, needs, serve):
        async def answer(request: Request) -> Response:
            raw = await request.body()
            lost = "lost" in request.scope
            broken = self.broken.pop(0) if self.broken and not lost else None
            if broken is not None:
                status, headers, data = broken
                made: Response = JSONResponse(data, status, headers)
            else:
                made = self._answered(request, raw, needs, serve)
            self.log.append((request.method, request.url.path, made.status_code))
            return made

        return answer

    def _answered(self, request, raw, needs, serve):
        try:
            login = self._permitted(request, needs)
            path = {k: str(v) for k, v in request.path_params.items()}
            if f"{path['owner']}/{path['repo']}" != self.name:
                raise Refused(404, "Not Found")
            try:
                body = json.loads(raw) if raw else {}
            except ValueError:
                raise Refused(400, "Problems parsing JSON") from None
            asked = Asked(request.method, path, dict(request.query_params), body, login)
            with self.lock:
                status, data = serve(asked)
        except Refused as error:
            return JSONResponse(error.data, error.status)
        if isinstance(data, Response):
            return data
        if isinstance(data, (list, tuple)):
            return self._page(request, data)
        return JSONResponse(data, status) if data is not None else Response(status_code=status)  # fmt: skip

    def _permitted(self, request, needs):
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if not token:
            raise Refused(401, "Requires authentication")
        if kind.lower() not in {"bearer", "token"} or token not in self.tokens:
            raise Refused(401, "Bad credentials")
        login, allowed = self.tokens[token]
        scope, _, level = needs.partition(":")
        scopes = ("issues", "pull-requests") if scope == "talk" else (scope,)
        have = max(_READ.get(allowed.get(one, ""), 0) for one in scopes)
        if have < _READ[level]:
            # Whose token may not even read is told that there is nothing.
            if not have and level == "read" and not allowed:
                raise Refused(404, "Not Found")
            raise Refused(403, "Resource not accessible by integration")
        return login

    def _page(self, request, data):
        key, entries = ("", data) if isinstance(data, list) else data
        each = min(100, max(1, int(request.query_params.get("per_page", 30))))
        page = max(1, int(request.query_params.get("page", 1)))
        shown = entries[(page - 1) * each : page * each]
        headers = {}
        last = -(-len(entries) // each) or 1
        if page < last:
            links = []
            for number, rel in ((page + 1, "next"), (last, "last")):
                query = urlencode({**request.query_params, "page": number})
                links.append(f'<{self.api}{request.url.path}?{query}>; rel="{rel}"')
            headers["link"] = ", ".join(links)
        shape = {"total_count": len(entries), key: shown} if key else shown
        return JSONResponse(shape, headers=headers)

    def _run(self, asked):
        return 200, _found(self.runs, asked.path["run"])

    def _artifacts(self, asked):
        run = int(asked.path["run"])
        _found(self.runs, run)
        found = [
            d for d, _ in self.artifacts.values() if d["workflow_run"]["id"] == run
        ]
        if name := asked.query.get("name"):
            found = [d for d in found if d["name"] == name]
        return 200, ("artifacts", found)

    def _zip(self, asked):
        described, _ = _found(self.artifacts, asked.path["id"])
        if described["expired"]:
            raise Refused(410, "Artifact has expired")
        where = f"{self._blob_host}/{described['id']}?sig=once"
        return 302, Response(status_code=302, headers={"location": where})

    async def _blob(self, request: Request) -> Response:
        # The store takes the signed address alone, and refuses a foreign token.
        if "authorization" in request.headers or "sig" not in request.query_params:
            return Response(status_code=403)
        _, data = self.artifacts[request.path_params["id"]]
        return Response(data, media_type="application/zip")

    def _approvals(self, asked):
        _found(self.runs, asked.path["run"])
        return 200, JSONResponse(self.reviews.get(int(asked.path["run"]), []))

    def _commit(self, asked):
        """Null is an author whose address belongs to nobody at GitHub."""
        if asked.path["sha"] not in self.authors:
            raise Refused(422, f"No commit found for SHA: {asked.path['sha']}")
        login = self.authors[asked.path["sha"]]
        author = {"login": login, "type": "User"} if login else None
        by = self.committers.get(asked.path["sha"])
        committer = {"login": by, "type": "User"} if by else author
        return 200, {
            "sha": asked.path["sha"],
            "author": author,
            "committer": committer,
        }

    def _bringing(self, asked):
        """The merged pull request that introduced a commit of the default branch."""
        if asked.path["sha"] not in self.authors:
            raise Refused(422, f"No commit found for SHA: {asked.path['sha']}")
        number = self.brought.get(asked.path["sha"])
        return 200, [self.pulls[number]] if number else []

    def _environment(self, asked):
        name = asked.path["name"]
        reviewers = _found(self.environments, name, int)
        rules = [{"type": "required_reviewers", "reviewers": [{"type": "User", "reviewer": {"login": one}} for one in reviewers]}]  # fmt: skip
        return 200, {"name": name, "protection_rules": rules if reviewers else []}

    def _dispatch(self, asked):
        self.dispatched.append({"workflow": asked.path["file"], **asked.body})
        return 204, None

    def _pulls(self, asked):
        state = asked.query.get("state", "open")
        found = [p for p in self.pulls.values() if state in {"all", p["state"]}]
        if head := asked.query.get("head"):
            found = [p for p in found if p["head"]["label"] == head]
        return 200, found

    def _pull(self, asked):
        return 200, _found(self.pulls, asked.path["pull"])

    def _files(self, asked):
        _found(self.pulls, asked.path["pull"])
        names = self.files[int(asked.path["pull"])]
        return 200, [{"filename": name, "status": "modified"} for name in names]

    def _issues(self, asked):
        state = asked.query.get("state", "open")
        labels = set(filter(None, asked.query.get("labels", "").split(",")))
        found = [
            i
            for i in self.issues.values()
            if state in {"all", i["state"]} and labels <= {one["name"] for one in i["labels"]}
        ]  # fmt: skip
        return 200, sorted(found, key=lambda i: -i["number"])

    def _open(self, asked):
        _valid(asked.body, "title")
        number, body = self.number(), asked.body
        # "Labels are silently dropped otherwise": of whom may not push.
        labels = () if self.drops_labels else body.get("labels", ())
        made = _issue(number, body["title"], body.get("body", ""), asked.login, labels)
        self.issues[number] = made
        return 201, made

    def _label(self, asked):
        found = _found(self.issues, asked.path["issue"])
        names = [one["name"] for one in found["labels"]]
        new = [n for n in asked.body["labels"] if n not in names]
        found["labels"] += [{"name": name} for name in new]
        return 200, JSONResponse(found["labels"])

    def _edit(self, asked):
        found = _found(self.issues, asked.path["issue"])
        _valid(asked.body)
        for name in ("title", "body", "state", "state_reason"):
            if name in asked.body:
                found[name] = asked.body[name]
        return 200, found

    def _comments(self, asked):
        _found(self.issues, asked.path["issue"])
        number = int(asked.path["issue"])
        return 200, [c for c in self.comments.values() if c["_issue"] == number]

    def _say(self, asked):
        _found(self.issues, asked.path["issue"])
        _valid(asked.body, "body")
        number = self.number()
        made = _comment(
            number, int(asked.path["issue"]), asked.login, asked.body["body"]
        )
        self.comments[number] = made
        return 201, made

    def _resay(self, asked):
        found = _found(self.comments, asked.path["id"])
        _valid(asked.body, "body")
        found["body"] = asked.body["body"]
        return 200, found

    def _unsay(self, asked):
        _found(self.comments, asked.path["id"])
        del self.comments[int(asked.path["id"])]
        return 204, None

    def _sarif(self, asked):
        if not self.advanced_security:
            raise Refused(403, "Code Security must be enabled for this repository to use code scanning.")  # fmt: skip
        _valid(asked.body, "commit_sha", "ref", "sarif")
        sarif = json.loads(gzip.decompress(base64.b64decode(asked.body["sarif"])))
        self.sarifs.append({**asked.body, "sarif": sarif})
        return 202, {"id": "47177e22", "url": f"{self.api}/sarifs/47177e22"}


def zipped(files):
    """Return a folder as a zip, as an artifact is stored."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return made.getvalue()


def _found(where, key, sort=int):
    kept = where.get(int(key) if str(key).isdigit() and sort is int else key)
    if kept is None:
        raise Refused(404, "Not Found")
    return kept


def _valid(body, *needed):
    missing = [name for name in needed if not isinstance(body.get(name), str)]
    if missing:
        errors = [{"resource": "Issue", "code": "missing_field", "field": missing[0]}]
        raise Refused(422, "Validation Failed", errors=errors)
    if len(body.get("body") or "") > LONGEST:
        raise Refused(422, "Validation Failed", errors=[{"message": f"body is too long (maximum is {LONGEST} characters)"}])  # fmt: skip


def _user(login):
    return {"login": login, "type": "Bot" if login.endswith("[bot]") else "User"}


def _issue(number, title, body, login, labels=(), *, pull=False):
    made = {
        "number": number,
        "title": title,
        "body": body,
        "state": "open",
        "state_reason": None,
        "user": _user(login),
        "labels": [{"name": name} for name in labels],
    }
    return {**made, "pull_request": {}} if pull else made


def _comment(number, issue, login, body):
    return {"id": number, "_issue": issue, "user": _user(login), "body": body}
