"""``$domain`` and its like: the closed list of what a profile may leave open. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from reconciler.inventory.complaint import did_you_mean, shown
from reconciler.inventory.node import Path

#: Token -> what has to be there for it to have a value.
TOKENS: dict[str, str] = {
    "site": "",
    "domain": "",
    "server": "add server to the site, or write the value out",
    "account": "add account to the site, or write the value out",
    "ipv4": "add server to the site: a Provider that has ipv4",
    "ipv6": "add server to the site: a Provider that has ipv6",
}
#: What each token stands for where a profile is looked at without a site.
SUPPOSED: dict[str, str] = {
    "site": "site.invalid",
    "domain": "site.invalid",
    "server": "server",
    "account": "account",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
}
_TOKEN = re.compile(r"\$(\$|[A-Za-z_][A-Za-z0-9_]*)?")


class Open(NamedTuple):
    """A token that cannot be replaced, and the path of the text it stands in."""

    code: str
    path: Path
    text: str
    hint: str


def put(data: Any, values: Mapping[str, str], path: Path, left: list[Open]) -> Any:
    """Return *data* with its tokens replaced; what cannot be is added to *left*."""
    kind = data.__class__
    if kind is str:
        return _text(data, values, path, left) if "$" in data else data
    if kind is dict:
        left += [_key(key, path) for key in data if "$" in key]
        return {
            key: put(value, values, (*path, key), left) for key, value in data.items()
        }
    if kind is list:
        return [put(each, values, (*path, n), left) for n, each in enumerate(data)]
    return data


def _text(text: str, values: Mapping[str, str], path: Path, left: list[Open]) -> str:
    def value(found: re.Match[str]) -> str:
        word = found[1]
        if word == "$":
            return "$"
        if word in values:
            return values[word]
        left.append(_open(word, path))
        return found[0]

    return _TOKEN.sub(value, text)


def _key(key: str, path: Path) -> Open:
    what = f"the key {shown(key)} holds a $"
    return Open("E136", (*path, key), what, "tokens stand in values: write the key out")


def _open(word: str | None, path: Path) -> Open:
    if word in TOKENS:
        return Open("E137", path, f"${word} has no value here", TOKENS[word])
    if word is None:
        return Open("E136", path, "a $ that begins no token", "write $$ for a dollar")
    known = f"the tokens are ${', $'.join(TOKENS)}; write $$ for a dollar"
    near = did_you_mean(word, TOKENS, "").replace("mean ", "mean $")
    return Open("E136", path, f"${shown(word)} is no token", near or known)


def unknown(data: Any, path: Path) -> Iterator[Open]:
    """Yield the tokens in *data* that no site could give a value."""
    left: list[Open] = []
    put(data, SUPPOSED, path, left)
    yield from left


def uses(data: Any, token: str) -> bool:
    """Say whether *token* stands somewhere in *data*."""
    if isinstance(data, str):
        return "$" in data and any(m[1] == token for m in _TOKEN.finditer(data))
    if isinstance(data, dict):
        return any(uses(value, token) for value in data.values())
    return isinstance(data, list) and any(uses(each, token) for each in data)


def quoted(data: Any) -> Any:
    """Return *data* written so that ``put`` gives it back: dollars are doubled."""
    if isinstance(data, str):
        return data.replace("$", "$$")
    if isinstance(data, dict):
        return {key: quoted(value) for key, value in data.items()}
    return [quoted(each) for each in data] if isinstance(data, list) else data
