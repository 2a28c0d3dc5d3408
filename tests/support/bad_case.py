"""One inventory that must be refused, and how the corpus writes it down."""

from __future__ import annotations

from typing import NamedTuple

HEAD = "apiVersion: reconciler/v1\n"
GOOD = (
    HEAD
    + """\
Provider/porkbun-main: {type: porkbun, credentials: {apiKey: {env: PORKBUN_KEY}}}
RecordSet/mail: {records: [{name: "@", type: MX, value: 10 mx.example.}]}
"""
)


class BadCase(NamedTuple):
    """
    One inventory.

    Attributes:
        files: Path from the root -> content.
        code: A code that must be among the errors.
        line: The line of that error; None where the place is that of a file.
        secret: Text that must not be in any output.
    """

    id: str
    files: dict[str, bytes]
    code: str
    line: int | None = None
    secret: str | None = None


CASES: list[BadCase] = []


def bad(
    name: str,
    text: str | bytes,
    code: str,
    line: int | None = None,
    secret: str | None = None,
    path: str = "inventory/bad.yaml",
    **more: str,
) -> None:
    """Add a case: a file beside a good one, and *more* files."""
    data = text.encode() if isinstance(text, str) else text
    files = {"inventory/good.yaml": GOOD.encode(), path: data}
    files |= {f"inventory/{each}.yaml": said.encode() for each, said in more.items()}
    CASES.append(BadCase(name, files, code, line, secret))


def domain(name: str, field: str, code: str, secret: str | None = None) -> None:
    """Add a case: one more field of an otherwise good domain, on line 4."""
    text = f"{HEAD}Domain/a.example:\n  provider: porkbun-main\n  {field}\n"
    bad(name, text, code, 4, secret)


def provider(name: str, field: str, code: str, secret: str | None = None) -> None:
    """Add a case: one more field of an otherwise good account, on line 5."""
    text = (
        f"{HEAD}Provider/x:\n  type: porkbun\n  credentials: {{k: {{env: K}}}}\n"
        f"  {field}\n"
    )
    bad(name, text, code, 5, secret)


def record(name: str, fields: str, code: str) -> None:
    """Add a case: one record of an otherwise good set, on line 4."""
    text = f"{HEAD}RecordSet/x:\n  records:\n    - {{{fields}}}\n"
    bad(name, text, code, 4)
