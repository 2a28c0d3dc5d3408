"""
Write the list of public suffixes that is shipped, from the one that is published.

    python scripts/public_suffixes.py < public_suffix_list.dat

Get it from https://publicsuffix.org/list/public_suffix_list.dat. Left out are comments
and what is implied: a single label is a suffix anyway.
"""

import sys
from datetime import date
from pathlib import Path

import idna

TARGET = Path(__file__).parents[1] / "reconciler/inventory/public_suffixes.txt"
HEAD = """\
// This Source Code Form is subject to the terms of the Mozilla Public
// License, v. 2.0. If a copy of the MPL was not distributed with this
// file, You can obtain one at https://mozilla.org/MPL/2.0/.
// From https://publicsuffix.org/list/public_suffix_list.dat, in A-labels, without what
// is implied, as of {day}. Written by scripts/public_suffixes.py.
"""


def main() -> None:
    """Read the published list from standard input; write the one that is shipped."""
    given = sys.argv[1:]
    day = given[0] if given else date.today().isoformat()  # noqa: TID251, DTZ011
    rules = sorted({_ascii(line.split()[0]) for line in sys.stdin if _is_rule(line)})
    text = (
        HEAD.format(day=day) + "\n".join(rule for rule in rules if "." in rule) + "\n"
    )
    TARGET.write_text(text, encoding="ascii")


def _is_rule(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("//")


def _ascii(rule: str) -> str:
    but = "!" if rule.startswith("!") else ""
    labels = rule.removeprefix("!").lower().split(".")
    made = (x if x.isascii() else idna.encode(x).decode() for x in labels)
    return but + ".".join(made)


if __name__ == "__main__":
    main()
