"""What of a page's HTML matters to a scan: its scripts and what stands for headers."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import NamedTuple


class Script(NamedTuple):
    """A script that is loaded from somewhere."""

    source: str
    integrity: bool


class Page(NamedTuple):
    """
    What was found.

    Attributes:
        scripts: Those with a source, in order.
        inline: How many have none.
        policies: What ``<meta http-equiv=Content-Security-Policy>`` says.
        referrers: What ``<meta name=referrer>`` says.
    """

    scripts: tuple[Script, ...] = ()
    inline: int = 0
    policies: tuple[str, ...] = ()
    referrers: tuple[str, ...] = ()


def read(text: str) -> Page:
    """Return what *text* has, as far as it is HTML; there is no HTML that is wrong."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return Page(
        tuple(reader.scripts),
        reader.inline,
        tuple(reader.policies),
        tuple(reader.referrers),
    )


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.scripts: list[Script] = []
        self.inline = 0
        self.policies: list[str] = []
        self.referrers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in reversed(attrs)}
        if tag == "script":
            source = said.get("src", "").strip()
            if source:
                self.scripts.append(Script(source, bool(said.get("integrity"))))
            else:
                self.inline += 1
        elif tag == "meta" and "content" in said:
            if said.get("http-equiv", "").strip().lower() == "content-security-policy":
                self.policies.append(said["content"])
            elif said.get("name", "").strip().lower() == "referrer":
                self.referrers.append(said["content"])
