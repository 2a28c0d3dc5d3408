"""
Files that are served by accident, and that no visitor should be able to read.

The list is closed, and asked for with GET, of names of the inventory only. A site that
answers everything with its front page serves none of them: what is read has to look
like the file. Nothing of it is kept.
"""

from __future__ import annotations

import re
from typing import Final

from reconciler.providers._web import Reply

#: So much of a file is enough to tell what it is.
MOST: Final = 8 * 1024
#: Path -> what is in such a file and in no page.
PATHS: Final = {
    ".env": re.compile(rb"(?m)^(export )?[A-Z][A-Z0-9_]{1,63}=(?!.*</)"),
    ".git/config": re.compile(rb"(?m)^\s*\[core\]"),
    "wp-config.php.bak": re.compile(rb"<\?php[\s\S]*DB_(NAME|USER|PASSWORD)"),
    "phpinfo.php": re.compile(rb"(?i)<title>[^<]*phpinfo\(\)|PHP Version\s*<"),
    "server-status": re.compile(
        rb"Apache Server Status for|(?m:^Active connections: )"
    ),
}
_PAGE: Final = re.compile(rb"(?i)^\s*(<!doctype html|<html)")
_FOUND: Final = 200
_PAGES: Final = frozenset(("phpinfo.php", "server-status"))


def exposed(path: str, reply: Reply) -> bool:
    """Say whether *reply*, to a request for *path*, is that file."""
    if reply.status != _FOUND:
        return False
    if path not in _PAGES and _PAGE.match(reply.body):
        return False
    return PATHS[path].search(reply.body) is not None
