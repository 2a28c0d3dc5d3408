"""``reconciler init``: a repository to start from, that validates and plans."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import click

from reconciler.cli import workflows
from reconciler.cli.schema_command import all_schemas as published_schemas
from reconciler.errors import UsageError
from reconciler.model.names import to_ascii
from reconciler.providers import KEEPS, driver_class, vendors

#: What the first line of each file leads editors to.
_FOR_EDITORS = frozenset(
    f"{name}.schema.json" for name in ("inventory", "policies", "defaults")
)
_ACCOUNTS, _DOMAINS = "inventory/accounts.yaml", "inventory/domains.yaml"
_FEW = 20
_PROVIDER = re.compile(r"([A-Za-z0-9_.-]+)=([a-z][a-z0-9_]*)(?::(\S+))?")


@click.command("init", help="Make a repository to start from.")
@click.argument("folder", default=".", type=click.Path(path_type=Path))
@click.option(
    "--domains",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file with one domain name a line; they are only watched (RDAP, DNS, TLS).",
)
@click.option(
    "--provider",
    "accounts",
    multiple=True,
    metavar="NAME=TYPE[:ENDPOINT]",
    help="Declare an account; its secrets are read from the environment.",
)
@click.option(
    "--package",
    metavar="REQUIREMENT",
    help="What the workflows install, pinned; left out, what runs here.",
)
def init_command(
    folder: Path,
    domains: Path | None,
    accounts: tuple[str, ...],
    package: str | None,
) -> None:
    """Write what is not there yet; overwrite nothing that somebody wrote."""
    declared = _by_role([_declared(given) for given in accounts])
    plain = {**dict(_skeleton()), **dict(_workflows([], package))}
    files = {**plain, **dict(_workflows(declared, package))}
    if declared:
        files[_ACCOUNTS] = _accounts(declared)
    names = [] if domains is None else _names(domains)
    if names:
        files[_DOMAINS] = _watched(names)
    made = [
        name
        for name, text in files.items()
        if _written(folder / name, text, plain[name])
    ]
    if not (folder / ".git").exists():
        subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
    for name in made:
        watches = f": {_count(names)}" if names and name == _DOMAINS else ""
        click.echo(f"wrote {name}{watches}")
    kept = [name for name, text in files.items() if text != plain[name]]
    for line in _kept(folder, [n for n in kept if n not in made], files, declared):
        click.echo(line)
    if not made:
        click.echo("everything is there already; nothing was written")
    where = "" if folder == Path() else f"cd {folder} && "
    click.echo(f"next: {where}git add . && git commit -m 'inventory: begin'")
    click.echo("then: reconciler validate && reconciler plan")
    click.echo(
        "at GitHub: add the secrets that reconcile.yml names, and reviewers to the "
        "environment production-approval"
    )


COMMAND = init_command


def _skeleton() -> Iterator[tuple[str, str]]:
    root = resources.files("reconciler.cli") / "skeleton"
    yield "inventory/accounts.yaml", _read(root / "accounts.yaml")
    yield "inventory/domains.yaml", _read(root / "domains.yaml")
    yield "policies/house.yaml", _read(root / "house.yaml")
    yield ".gitignore", ".sandbox/\n"
    yield ".pre-commit-config.yaml", _read(root / "pre-commit.yaml")
    for name, text in published_schemas().items():
        if name in _FOR_EDITORS:
            yield f"schemas/{name}", text


def _workflows(
    accounts: Sequence[_Declared], package: str | None
) -> Iterator[tuple[str, str]]:
    root = resources.files("reconciler.cli") / "skeleton"
    aws = any(account.by_role for account in accounts)
    secrets = [
        variable
        for account in accounts
        if not account.by_role
        for variable in account.credentials.values()
    ]
    for name in workflows.NAMES:
        path, text = f".github/workflows/{name}.yml", _read(root / f"{name}.yml")
        yield path, workflows.workflow(text, secrets, aws=aws)
    yield workflows.REQUIREMENTS, workflows.requirements(package)


def _read(found: resources.abc.Traversable) -> str:
    return found.read_text(encoding="utf-8")


def _written(path: Path, text: str, plain: str) -> bool:
    """Write *text*, unless there is a file that is not *plain*, as init left it."""
    if path.exists() and (text == plain or path.read_bytes() != plain.encode()):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return True


def _kept(
    folder: Path,
    kept: Sequence[str],
    files: Mapping[str, str],
    declared: Sequence[_Declared],
) -> Iterator[str]:
    """Say what is to be added by hand to files that are somebody's own by now."""
    for name in kept:
        have = (folder / name).read_text(encoding="utf-8", errors="replace")
        if have == files[name]:
            continue
        if name == _ACCOUNTS:
            lines = [str(one) for one in declared if f"Provider/{one.name}" not in have]
        elif name == _DOMAINS:
            wanted = files[name].splitlines()
            lines = [x for x in wanted if "/" in x and "#" not in x and x not in have]
        else:
            keys = [one for one in declared if not one.by_role]
            named = [v for one in keys for v in one.credentials.values()]
            lines = [f"{v}: ${{{{ secrets.{v} }}}}" for v in named if v not in have]
            if len(keys) < len(declared) and "AWS_ROLE" not in have:
                lines.append("the step that takes on vars.AWS_ROLE (docs/github.md)")
        if lines:
            yield f"kept {name} as it is; to be added there:"
            yield from (f"  {line}" for line in lines[:_FEW])
        if len(lines) > _FEW:
            yield f"  and {len(lines) - _FEW} more"


def _count(names: Sequence[str]) -> str:
    return (
        f"{len(names)} Domain + {len(names)} Certificate, only watched: no key is "
        "needed, and nothing here can act"
    )


def _names(file: Path) -> list[str]:
    found: dict[str, int] = {}
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, 1):
        name = line.partition("#")[0].strip().rstrip(".")
        if not name:
            continue
        try:
            if "." not in name:
                raise ValueError(f"{name!r} is no domain name")
            found.setdefault(to_ascii(name), number)
        except ValueError as error:
            raise UsageError(f"{file.name}:{number}:1: {error}") from None
    return sorted(found)


def _watched(names: list[str]) -> str:
    entries = [
        f"Domain/{name}: {{provider: none}}\n"
        f"Certificate/{name}: {{mode: observe, names: [{name}]}}"
        for name in names
    ]
    head = "# Watched only: name an account in `provider` to manage one of them."
    return "\n".join([_SCHEMA, "apiVersion: reconciler/v1", head, *entries, ""])


#: What the yaml-language-server of most editors reads.
_SCHEMA = "# yaml-language-server: $schema=../schemas/inventory.schema.json"


class _Declared(NamedTuple):
    """
    One account of the command line.

    Attributes:
        credentials: The environment variable of each.
        by_role: Workflows reach it by a role, without a stored key.
    """

    name: str
    vendor: str
    endpoint: str | None
    credentials: dict[str, str]
    by_role: bool = False

    def __str__(self) -> str:
        given = self.credentials.items()
        secrets = ", ".join(f"{one}: {{env: {variable}}}" for one, variable in given)
        parts = [f"type: {self.vendor}", f"credentials: {{{secrets}}}"]
        if self.endpoint:
            parts.insert(1, f"endpoint: {self.endpoint}")
        return f"Provider/{self.name}: {{{', '.join(parts)}}}"


def _accounts(accounts: Sequence[_Declared]) -> str:
    return "\n".join([_SCHEMA, "apiVersion: reconciler/v1", *map(str, accounts), ""])


def _declared(given: str) -> _Declared:
    found = _PROVIDER.fullmatch(given)
    if found is None:
        raise UsageError(
            f"{given!r} is no account", hint="write NAME=TYPE, as in main=porkbun"
        )
    name, vendor, endpoint = found.groups()
    families = vendors().get(vendor, frozenset()) - KEEPS
    if not families:
        known = ", ".join(sorted(v for v, has in vendors().items() if has - KEEPS))
        raise UsageError(f"there is no vendor {vendor!r}", hint=f"one of: {known}")
    needed = sorted(
        {one for family in families for one in driver_class(vendor, family).credentials}
    )
    variables = {one: _variable(name, one) for one in needed}
    return _Declared(name, vendor, endpoint, variables)


def _by_role(accounts: Sequence[_Declared]) -> list[_Declared]:
    """Give the one account of AWS what a role's session has; of several, none."""
    real = [a for a in accounts if a.vendor == "aws" and a.endpoint is None]
    if len(real) != 1:
        return list(accounts)
    # The names that AWS' own tools use.
    needed = [*real[0].credentials, "sessionToken"]
    session = {one: _variable("aws", one) for one in needed}
    role = real[0]._replace(credentials=session, by_role=True)
    return [role if account is real[0] else account for account in accounts]


def _variable(name: str, credential: str) -> str:
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", credential)
    return re.sub(r"[^A-Z0-9]+", "_", f"{name}_{snake}".upper())
