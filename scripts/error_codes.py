"""Print docs/errors.md, made from the codes themselves; ``make schemas`` writes it."""

import sys

from reconciler import errors
from reconciler.cli.secrets import SecretMissing
from reconciler.inventory.codes import table_markdown

HEAD = """\
# Error codes

<!-- Written by `make schemas`; a test holds it equal to the code. -->

An error reads `file:line:column: CODE what` and a hint. `reconciler validate` shows
all of them at once, as text, JSON, SARIF or GitHub annotations.

## In the inventory

"""
REST = """
## Anywhere else

| code | meaning |
|---|---|
"""
#: Causes with a code of their own and no class, because nobody reacts to them alone.
CAUSES = {
    "E204": "The base cannot be fetched or no longer validates",
    "E205": "The file of a plan cannot be read",
    "E206": "The file of an observed snapshot cannot be read",
    "E207": "Nothing proves who approves",
    "E208": "Who breaks the glass is not among those who may",
    "E209": "The forge does not say who reviewed this run",
    "E501": "An expression of a policy is no CEL that works",
    "E502": "A policy does not pass one of its own tests",
    "E503": "A policy has no test that allows, or none that denies",
    "E504": "A dated exception or allowance has ended",
    "E505": "A policy names something that does not exist",
    "E506": "A name belongs to two persons",
    "E507": "A finding of the scan is ignored for over a year",
    "E601": "The folder of the inventory is not there",
    "E602": "An account lacks a credential that its driver needs",
    "E603": "No single open action has an id that begins so",
    "E604": "The account shows that what was to be settled as not happened did",
    "E605": "The folder is in no git repository",
    "E607": "A sandbox was asked for accounts that are not on this machine",
    "E608": "The folder of the demo is not empty",
    "E609": "Who settles an action about money is not in the group money",
    "E610": "Nobody can listen where `serve` was told to",
    "E611": "`serve` needs packages that are not installed",
    "E612": "An invoice of ours cannot be drawn or archived",
    "E613": "A character is in none of the fonts of invoices",
    "E614": "What is said to be paid is not open, or not that much is left of it",
    "E615": "A program that the demo with real ones runs is not installed",
    "E620": "The fallback of a channel carries no notices, or has another audience",
    "E621": "A text of notices is wrong, or there is none in a channel's language",
    "E622": "Two channels would be the first to tell customers",
    "E630": "Nothing can be imported there, or a file of an import is there already",
    "E631": "A file that drift is to be written into has changes that are in no commit",
    "E660": "A file on the branch of readings is none, or not as it was written",
    "E661": "The file of forecasts cannot be read",
    "E662": "Something was never measured, or nobody measures it",
    "E663": "A policy of another program is not as that program writes it",
    "E664": "No place that another program keeps copies in can be declared here",
    "E670": "An entry cannot be replaced where it stands: it shares a line",
    "E671": "A Site would not mean the same once it is written out",
    "E675": "What is kept about health is damaged, or of a later version",
    "E680": "Nothing is restored there: it is not an empty folder far from production",
    "E681": "No copy of a backup has or gives what is to be restored",
    "W501": "A dated exception or allowance ends soon",
}


def error_classes() -> list[type[errors.ReconcilerError]]:
    """Return every class of error."""
    found = [
        one
        for one in vars(errors).values()
        if isinstance(one, type) and issubclass(one, errors.ReconcilerError)
    ]
    return [*found, SecretMissing]


def meaning(error: type[errors.ReconcilerError]) -> str:
    """Return the first sentence of what a class says about itself."""
    text = " ".join((error.__doc__ or "").strip().split("\n\n")[0].split())
    return text.rstrip(".")


def page() -> str:
    """Return docs/errors.md."""
    causes = CAUSES | {one.code: meaning(one) for one in error_classes()}
    rows = [f"| {code} | {causes[code]} |\n" for code in sorted(causes)]
    return HEAD + table_markdown() + REST + "".join(rows)


if __name__ == "__main__":
    sys.stdout.write(page())
