"""Documents and fields that must be refused."""

from __future__ import annotations

from tests.support.bad_case import HEAD, bad, domain, provider, record

# Documents.
for name, text in {
    "list": "[]", "list-block": "- a\n- b", "text": "hello", "number": "5",
    "bool": "true", "quoted": '"x"', "folded": ">\n  a",
}.items():  # fmt: skip
    bad(f"document-{name}", text, "E113", 1)
bad("second-document-list", HEAD + "---\n- x\n", "E113", 3)
bad("no-version", "Domain/a.example: {provider: porkbun-main}\n", "E114", 1)
bad(
    "no-version-long",
    "kind: Domain\nmetadata: {name: a.example}\nspec: {provider: porkbun-main}\n",
    "E114",
    1,
)
bad(
    "version-only-later",
    "Provider/x: {type: aws, credentials: {}}\n---\n" + HEAD,
    "E114",
    1,
)
for version in (
    "v1",
    "reconciler/v2",
    "reconciler/v1beta1",
    "1",
    "null",
    "[]",
    "apps/v1",
):
    bad(f"version-{version}", f"apiVersion: {version}\n", "E114", 1)
bad("later-version", HEAD + "---\napiVersion: v1\n", "E114", 3)
for kind in (
    "Domian",
    "domain",
    "Domains",
    "Deployment",
    "Zone",
    "provider",
    "Record-Set",
    " Domain",
):
    bad(f"kind-{kind.strip()}", f'{HEAD}"{kind}/x": {{}}\n', "E116", 2)
    bad(
        f"long-kind-{kind.strip()}",
        f'{HEAD}kind: "{kind}"\nmetadata: {{name: x}}\n',
        "E116",
        2,
    )
for kind in ("5", "[]", "{}", "true"):
    bad(f"kind-type-{kind}", f"{HEAD}kind: {kind}\nmetadata: {{name: x}}\n", "E116", 2)
for key in (
    "Domain",
    "provider",
    "name",
    "apiversion",
    "include",
    "a.example",
    "x-note",
):
    bad(f"entry-{key}", f"{HEAD}{key}: {{}}\n", "E117", 2)
bad(
    "defaults-with-name",
    HEAD + "Domain/a.example: {}\n",
    "E117",
    2,
    path="inventory/_defaults.yaml",
)

# Fields.
for key in (
    "transfer_lock",
    "TransferLock",
    "autoRenew",
    "expires",
    "registrant",
    "name",
    "kind",
    "spec",
    "fundedBy",
):
    domain(f"unknown-{key}", f"{key}: x", "E120")
domain("unknown-in-renewal", "renewal: {max_price: 5.00 EUR/year}", "E120")
domain("unknown-in-window", "renewal: {window: {opens: 5d}}", "E120")
domain("unknown-in-dns", "dns: {record: []}", "E120")
domain(
    "unknown-in-record",
    'dns: {records: [{name: "@", type: A, value: 192.0.2.1, prio: 5}]}',
    "E120",
)
provider("unknown-in-provider", "token: x", "E120")
provider("region", "region: eu", "E120")
bad(
    "unknown-envelope",
    HEAD
    + "kind: Domain\nmetadata: {name: a.example}\nstatus: {}\nspec: {provider: porkbun-main}\n",
    "E120",
    4,
)
bad(
    "unknown-metadata",
    HEAD
    + "kind: Domain\nmetadata:\n  name: a.example\n  annotations: {}\nspec: {provider: porkbun-main}\n",
    "E120",
    5,
)
bad(
    "unknown-defaults",
    HEAD + "Domain:\n  renewl: {}\n",
    "E120",
    3,
    path="inventory/_defaults.yaml",
)
bad("defaults-kind", HEAD + "Domian: {}\n", "E116", 2, path="inventory/_defaults.yaml")
bad("missing-provider", HEAD + "Domain/a.example: {}\n", "E121", 2)
bad("missing-provider-null", HEAD + "Domain/a.example:\n", "E121", 2)
bad("missing-credentials", HEAD + "Provider/x: {type: aws}\n", "E121", 2)
bad("missing-type", HEAD + "Provider/x: {credentials: {}}\n", "E121", 2)
bad("missing-records", HEAD + "RecordSet/x: {}\n", "E121", 2)
bad(
    "missing-record-type",
    HEAD + 'RecordSet/x:\n  records:\n    - {name: "@", value: x}\n',
    "E121",
    4,
)
bad("missing-kind", HEAD + "metadata: {name: x}\nspec: {}\n", "E121", 1)
bad("missing-metadata", HEAD + "kind: Domain\nspec: {}\n", "E121", 1)
bad(
    "missing-name", HEAD + "kind: Domain\nmetadata: {labels: {}}\nspec: {}\n", "E121", 3
)
bad("missing-spec", HEAD + "kind: Domain\nmetadata: {name: a.example}\n", "E121", 1)
for value in ("text", "5", "[]", "true", "1.5"):
    bad(f"entry-is-{value}", f"{HEAD}Domain/a.example: {value}\n", "E122", 2)
    bad(
        f"spec-is-{value}",
        f"{HEAD}kind: Domain\nmetadata: {{name: a.example}}\nspec: {value}\n",
        "E122",
        4,
    )
    if value != "true":
        domain(f"lock-is-{value}", f"transferLock: {value}", "E122")
    domain(f"dns-is-{value}", f"dns: {value}", "E122")
    domain(f"renewal-is-{value}", f"renewal: {value}", "E122")
for value in ("yes", "no", "on", "off", '"true"', "1", "0"):
    domain(f"bool-{value}", f"privacy: {value}", "E122")
for field in ("records", "targets", "include", "ignore"):
    domain(f"{field}-is-map", f"dns: {{{field}: {{}}}}", "E122")
    domain(f"{field}-is-text", f"dns: {{{field}: x}}", "E122")
for value in ("[]", "text", "5", "true"):
    domain(f"glue-is-{value}", f"glue: {value}", "E122")
domain("glue-of-one-address", "glue: {ns1.a.example: 192.0.2.1}", "E122")
domain("glue-of-numbers", "glue: {ns1.a.example: [5]}", "E122")
domain("targets-of-numbers", "dns: {targets: [5]}", "E122")
domain("warn-at-text", "warnAt: 30d", "E122")
domain("labels-number", "labels: {team: 5}", "E122")
domain("labels-list", "labels: []", "E122")
domain("protected-text", "protected: yes", "E122")
domain("uid-number", "uid: 5", "E122")
provider("limit-text", 'limits: {rps: "5"}', "E122")
provider("limit-bool", "limits: {rps: true}", "E122")
provider("account-number", "account: 12345", "E122")
bad("metadata-is-list", HEAD + "kind: Domain\nmetadata: []\nspec: {}\n", "E122", 3)
bad(
    "defaults-are-list",
    HEAD + "Domain: []\n",
    "E122",
    2,
    path="inventory/_defaults.yaml",
)
for field, value in {"lifecycle": "delete", "dnssec": "on"}.items():
    domain(f"choice-{field}", f"{field}: {value}", "E123")
domain("choice-mode", "renewal: {mode: auto}", "E123")
domain("choice-restore", "renewal: {restore: always}", "E123")
domain("choice-dnssec-auto", "dnssec: auto", "E123")
domain("choice-nameservers", "nameservers: from-dsn", "E123")
record("choice-type", 'name: "@", type: SPF, value: x', "E123")
record("type-lower", 'name: "@", type: a, value: 192.0.2.1', "E123")
domain("one-nameserver", "nameservers: [ns1.example]", "E124")
domain("glue-host-short", "glue: {a: [192.0.2.1]}", "E124")
domain(
    "glue-too-many",
    f"glue: {{ns1.a.example: [{', '.join(f'192.0.2.{n}' for n in range(14))}]}}",
    "E124",
)
domain("short-nameserver", "nameservers: [a, ns1.example]", "E124")
domain("negative-deletes", "dns: {maxDeletes: {count: -1}}", "E124")
provider("limit-zero", "limits: {rps: 0}", "E124")
provider("ipv4", "ipv4: 192.0.2.256", "E124")
provider("ipv6", "ipv6: 2001::db8::1", "E124")
bad("vendor-upper", HEAD + "Provider/x: {type: AWS, credentials: {}}\n", "E124", 2)
record("empty-name", 'name: "", type: A, value: 192.0.2.1', "E124")

# What anyone can read: the built-in account, and certificates that are looked at.
bad(
    "public-other-name",
    HEAD + "Provider/x: {type: public, credentials: {}}\n",
    "E125",
    2,
)
bad(
    "public-other-type",
    HEAD + "Provider/public: {type: aws, credentials: {}}\n",
    "E125",
    2,
)
bad("public-no-credentials", HEAD + "Provider/public: {type: public}\n", "E121", 2)
for name, field, code in (
    ("mode-number", "mode: 5", "E123"),
    ("names-text", "names: a.example", "E122"),
    ("names-empty", "names: []", "E124"),
    ("names-number", "names: [5]", "E122"),
    ("names-twice", "names: [a.example, A.Example]", "E125"),
    ("names-wildcards", 'names: ["*.a.example"]', "E125"),
    ("names-inner-wildcard", 'names: ["a.*.example"]', "E125"),
    ("names-url", "names: [https://a.example]", "E125"),
    ("names-port", 'names: ["a.example:443"]', "E125"),
    ("names-mail", "names: [a@a.example]", "E125"),
    ("names-address", "names: [192.0.2.1]", "E125"),
    ("names-one-label", "names: [localhost]", "E125"),
    ("names-underscore", "names: [_a.example]", "E125"),
    ("names-mixed", "names: [pаypal.example]", "E125"),
    ("warn-at-months", "warnAt: [1mo]", "E125"),
    ("warn-at-text", "warnAt: 30d", "E122"),
    ("unknown", "issuer: [letsencrypt]", "E120"),
    ("scan-word", "scan: deep", "E123"),
    ("scan-list", "scan: [full]", "E123"),
):
    text = f"{HEAD}Certificate/a.example:\n  {field}\n"
    rest = "" if field.startswith("names") else "  names: [a.example]\n"
    rest += "" if field.startswith("mode") else "  mode: observe\n"
    bad(f"certificate-{name}", text + rest, code, 3)
bad("certificate-no-names", HEAD + "Certificate/a.example: {}\n", "E121", 2)
