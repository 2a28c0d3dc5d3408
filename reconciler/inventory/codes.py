"""Every cause of an error in the inventory: its code, its meaning, how to mend it."""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    """
    What a code stands for.

    Attributes:
        meaning: One line, for docs/errors.md and SARIF rules.
        mend: What to do about it; the hint where the error itself has none.
    """

    meaning: str
    mend: str


TABLE: dict[str, Code] = {
    "E101": Code(
        "the file or folder cannot be read",
        "the inventory holds plain files; check the path and its permissions",
    ),
    "E102": Code("the file is over 1 MiB", "split it: one file per customer"),
    "E103": Code("the file is not UTF-8", "save it as UTF-8"),
    "E104": Code("a NUL or control character", "remove the character"),
    "E105": Code("not valid YAML", "mend the syntax at this place"),
    "E106": Code("a key is written twice", "keep one of the two"),
    "E107": Code(
        "an anchor or an alias",
        "write the value out, or put what is shared in _defaults.yaml",
    ),
    "E108": Code(
        "a merge key (<<)",
        "write the keys out, or put what is shared in _defaults.yaml",
    ),
    "E109": Code("a YAML tag", "remove the tag; quote the value if it is text"),
    "E110": Code("nested over 64 levels deep", "no kind needs such depth"),
    "E111": Code(
        "a number that YAML versions read differently",
        "quote it if it is text, else write it without leading zeros",
    ),
    "E112": Code("a key that is not text", "quote the key"),
    "E113": Code(
        "the document is not a mapping",
        "begin with apiVersion: reconciler/v1, then Kind/name: {...}",
    ),
    "E114": Code(
        "apiVersion is missing or unknown",
        "begin the file with apiVersion: reconciler/v1",
    ),
    "E115": Code("the file's extension is not .yaml", "rename it to end in .yaml"),
    "E116": Code("no such kind", "`reconciler schema` lists the kinds"),
    "E117": Code(
        "an entry is not of the form Kind/name",
        "write Kind/name: {fields}, or kind, metadata and spec",
    ),
    "E120": Code("a field that the kind does not have", "remove it"),
    "E121": Code("a required field is missing", "add the field"),
    "E122": Code("a value of the wrong type", "write a value of the type named"),
    "E123": Code(
        "a value that is not one of those allowed", "use one of the allowed values"
    ),
    "E124": Code("a value out of its range or form", "write it in the form named"),
    "E125": Code(
        "a value that the kind refuses", "`reconciler schema KIND` says what it accepts"
    ),
    "E130": Code(
        "a name that cannot be used",
        "names are ASCII letters, digits, dots, dashes; domains may be IDNA 2008",
    ),
    "E131": Code("two resources of one kind and name", "rename or remove one"),
    "E132": Code(
        "two resources of one kind and uid",
        "a uid belongs to one resource; it survives renames and is never reused",
    ),
    "E133": Code("a reference to something that is not there", "declare it"),
    "E134": Code("references that form a cycle", "remove one of the references"),
    "E135": Code(
        "a Site that speaks of a part its profile does not have",
        "name a part of the profile, or add the part there",
    ),
    "E136": Code(
        "a word after a dollar that is no token", "write $$ for a dollar itself"
    ),
    "E137": Code(
        "a token that has no value for a Site",
        "add the field of the Site that gives it, or write the value out",
    ),
    "E138": Code(
        "a Site lacks what a part of its profile needs", "add the field to the Site"
    ),
    "E139": Code(
        "a label that the Site itself sets", "site, customer and profile are set by it"
    ),
    "E140": Code(
        "two included RecordSets bring the same record",
        "keep it in one of them, or write the record in the domain itself",
    ),
    "E141": Code(
        "a HostingPlan that the server of an account has no package for",
        "add the vendor or the Provider to packages of the plan",
    ),
    "E142": Code(
        "a range of plans with no way from min to max",
        "let up of each plan name the next larger one",
    ),
    "E143": Code(
        "a Subscription that has no price",
        "add price, or cover exactly one HostingAccount that is on one plan",
    ),
    "E144": Code(
        "amounts of one Subscription in several currencies",
        "price, customer and policy are in one currency: nothing is converted",
    ),
    "E145": Code(
        "a Customer of a Subscription who cannot be charged as it says",
        "add a primary payment method of that customer and a consent, or write "
        "collect: invoice",
    ),
    "E146": Code(
        "a policy whose schedule contradicts itself",
        "steps come one after the other, the milder ones first",
    ),
    "E147": Code(
        "two engines that collect, or one at another vendor",
        "let either this tool or the gateway collect, and never both",
    ),
    "E148": Code(
        "two Subscriptions that cover the same thing",
        "one thing is paid for once: remove one, or write state: terminated in it",
    ),
    "E150": Code(
        "a secret written in plain text",
        "name where it is kept: {env: NAME}, {file: PATH}, {sops: FILE#key}, "
        "{awsSecretsManager: ARN} or {vault: PATH#key}; rotate one that was committed",
    ),
    "E151": Code(
        "a payment card number",
        "remove it and tell whoever handles card data; a false alarm can be allowed "
        "by the SHA-256 of its text in policies/",
    ),
    "E152": Code(
        "a key or token in plain text",
        "revoke it and write a reference to it; a false alarm can be allowed by the "
        "SHA-256 of its text in policies/",
    ),
    "E153": Code(
        "a field for card data",
        "card numbers and security codes are never stored: keep the gateway's token",
    ),
    "E160": Code(
        "a name of a certificate that is in no declared Domain",
        "declare the Domain it is in, or prove it by challenge: http-01",
    ),
    "E161": Code(
        "two certificates for the same names",
        "install one of them at several places (deploy): authorities limit how often "
        "the same names are signed",
    ),
    "E162": Code(
        "two certificates at one place",
        "put all names into one of them, or give each its own place (at)",
    ),
    "E163": Code(
        "two accounts (Provider, Issuer, BackupRepository) of the same name, or a "
        "Backup that is called like a BackupRepository",
        "rename one of them: plans name them alike",
    ),
    "E170": Code(
        "two HostingAccounts that are about the same account",
        "keep one of them: each account has one document that owns its plan",
    ),
    "E173": Code(
        "a ScalingPolicy that looks at what no plan of the range limits",
        "write limits in the HostingPlans, or other metrics in the policy",
    ),
    "E174": Code(
        "prices of a range, or maxIncrease, in several currencies",
        "write them in one currency: nothing is converted",
    ),
    "E175": Code(
        "two health checks that look at the same",
        "remove one: an outage would be told twice",
    ),
    "E176": Code(
        "a health check of what is not declared",
        "look at a name in a declared Domain, at a HostingAccount's domain, or at the "
        "address of a Provider",
    ),
    "E177": Code(
        "a Server whose size and sizes contradict each other",
        "sizes has every size of it, from the smallest to the largest",
    ),
    "E178": Code(
        "two Servers for one machine",
        "remove one of them: each would undo what the other one wants",
    ),
    "E179": Code(
        "a PatchPolicy that can never lead to anything",
        "write windows, and name who tells what is installed: panel of a Server, "
        "settings.toolkit of a WHM server",
    ),
    "E180": Code(
        "an RPO that is shorter than the schedule",
        "write a longer rpo, or a cron that is due more often",
    ),
    "E181": Code(
        "two copies of a backup in one repository",
        "name each repository once, and each place by one of them: what destroys it "
        "destroys both",
    ),
    "E182": Code(
        "copies of a backup by different engines",
        "copies are made from the first one: name repositories of one engine",
    ),
    "E183": Code(
        "a copy that is called off-site and is lost with the first",
        "give both repositories a failureDomain, with another provider, or the "
        "regions of both and another one",
    ),
    "E184": Code(
        "a folder for drills, or of copies, that is in production",
        "name a folder that holds nothing else: what is restored overwrites, and who "
        "wipes a site wipes the copies in it",
    ),
    "E185": Code(
        "a policy that asks of a panel what it does not do",
        "a panel makes one archive of everything (type: panel), by its own schedule "
        "(by: panel) or when it is asked (by: reconciler; WHM needs a path for that)",
    ),
    "E186": Code(
        "a copy that only appends, and a policy that keeps nothing by its age",
        "write keep: {within: 14d}: what is younger always stays",
    ),
    "E187": Code(
        "two repositories in one bucket that set it up differently",
        "a bucket has one setting: say the same, or name another bucket",
    ),
    "E188": Code(
        "a panel's archive in a repository that is no panel's",
        "name a repository of engine whm or plesk in copies, or write files, and the "
        "paths of the folder that it is in",
    ),
    "W160": Code("defaults that apply to nothing", "remove them or move the file"),
    "W161": Code("a RecordSet that no domain includes", "remove it or include it"),
    "W162": Code(
        "data about a person in plain text",
        "keep it elsewhere and name the place, as in {sops: FILE#key}: git cannot "
        "forget",
    ),
    "W163": Code(
        "a Subscription that covers what another customer has",
        "let the Subscription of that customer cover it",
    ),
    "W172": Code(
        "a ScalingPolicy on an account that may be on one plan alone",
        "write a range of plans, or remove scaling",
    ),
    "W180": Code(
        "a database of which nothing is asked once it is restored",
        "write expect, as in [{sql: select count(*) from orders, min: 1}]",
    ),
    "W181": Code(
        "prunes that wait for a drill which comes less often",
        "write a longer prune.verified, or a drill more often",
    ),
}

#: Code -> one line: what it means, and how to mend it.
CODES: dict[str, str] = {
    code: f"{row.meaning}; {row.mend}" for code, row in TABLE.items()
}


def table_markdown() -> str:
    """Return the table of all codes, as docs/errors.md shows it."""
    rows = [f"| {code} | {row.meaning} | {row.mend} |" for code, row in TABLE.items()]
    return "\n".join(
        ["| code | meaning | how to mend it |", "|---|---|---|", *rows, ""]
    )
