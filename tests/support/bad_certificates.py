"""Certificates and issuers that must be refused."""

from __future__ import annotations

from tests.support.bad_case import HEAD, bad

ISSUER = "directory: https://ca.example/dir, accountKey: {env: CA_KEY}"
BESIDE = f"""\
{HEAD}Issuer/ca: {{{ISSUER}}}
Domain/a.example: {{provider: porkbun-main}}
"""
GOOD = {
    "names": "[a.example]",
    "issuers": "[ca]",
    "key": "{store: {file: keys}}",
}
PEM = "-----BEGIN " + "PRIVATE KEY-----"


def certificate(
    name: str, code: str, secret: str | None = None, **fields: str | None
) -> None:
    """Add a case: a good one with other fields, or without some, on line 2."""
    told = {**GOOD, **fields}
    text = ", ".join(f"{key}: {value}" for key, value in told.items() if value)
    line = f"Certificate/a.example: {{{text}}}\n"
    bad(f"certificate-{name}", HEAD + line, code, 2, secret, beside=BESIDE)


def issuer(name: str, code: str, text: str) -> None:
    """Add a case: one issuer, on line 2."""
    bad(f"issuer-{name}", f"{HEAD}Issuer/ca: {{{text}}}\n", code, 2)


many = "[" + ", ".join(f"w{number}.a.example" for number in range(26)) + "]"
too_many = "[" + ", ".join(f"w{number}.a.example" for number in range(101)) + "]"
for case, error, changed in (
    ("no-issuers", "E125", {"issuers": None}),
    ("no-store", "E125", {"key": None}),
    ("unknown-issuer", "E133", {"issuers": "[nobody]"}),
    ("issuer-twice", "E125", {"issuers": "[ca, ca]"}),
    ("issuers-text", "E122", {"issuers": "ca"}),
    ("mode-unknown", "E123", {"mode": "manual"}),
    ("two-wildcards", "E125", {"names": '[a.example, "*.*.a.example"]'}),
    ("two-labels-wild", "E125", {"names": '[a.example, "*.b.*.a.example"]'}),
    ("covered", "E125", {"names": '[a.example, www.a.example, "*.a.example"]'}),
    ("idna-twice", "E125", {"names": "[bücher.example, xn--bcher-kva.example]"}),
    ("too-many", "E124", {"names": too_many}),
    ("shortlived-many", "E125", {"names": many, "profile": "{require: shortlived}"}),
    ("shortlived-alone", "E125", {"profile": "{prefer: [shortlived]}"}),
    ("tlsserver-many", "E125", {"names": many, "profile": "{prefer: [tlsserver]}"}),
    (
        "wildcard-by-http",
        "E125",
        {"names": '[a.example, "*.b.a.example"]', "challenge": "http-01"},
    ),
    ("challenge", "E123", {"challenge": "tls-alpn-01"}),
    ("remaining-number", "E125", {"renewal": "{remaining: 30}"}),
    ("remaining-all", "E125", {"renewal": "{remaining: 100%}"}),
    ("remaining-none", "E125", {"renewal": "{remaining: 0%}"}),
    ("remaining-late", "E125", {"renewal": "{remaining: 5%}"}),
    (
        "window-empty",
        "E125",
        {"renewal": "{windows: [{days: [mon], from: '02:00', to: '02:00'}]}"},
    ),
    (
        "window-time",
        "E124",
        {"renewal": "{windows: [{days: [mon], from: '2:00', to: '05:00'}]}"},
    ),
    (
        "window-zone",
        "E125",
        {
            "renewal": "{windows: [{days: [mon], from: '02:00', to: '05:00', "
            "timeZone: Europe/Atlantis}]}"
        },
    ),
    ("algorithm", "E123", {"key": "{algorithm: rsa-1024, store: {file: keys}}"}),
    (
        "store-twice",
        "E125",
        {"key": "{store: {file: k, vault: {provider: porkbun-main, path: k}}}"},
    ),
    ("store-nothing", "E125", {"key": "{store: {}}"}),
    ("store-text", "E122", {"key": "{store: keys}"}),
    (
        "age-recipient",
        "E124",
        {"key": "{store: {age: {folder: k, recipients: [age1x], identity: {env: A}}}}"},
    ),
    ("deploy-nowhere", "E133", {"deploy": "[{target: HostingAccount/x}]"}),
    ("deploy-kind", "E125", {"deploy": "[{target: Domain/a.example}]"}),
    (
        "deploy-twice",
        "E125",
        {
            "deploy": "[{target: Provider/porkbun-main}, {target: Provider/porkbun-main}]"
        },
    ),
    ("deploy-as", "E123", {"deploy": "[{target: Provider/porkbun-main, as: iis}]"}),
    ("failover-none", "E124", {"failover": "{attempts: 0}"}),
    ("bought-and-acme", "E125", {"bought": "{certificate: {env: C}, key: {env: K}}"}),
    (
        "import-nothing",
        "E125",
        {"mode": "import", "issuers": None, "key": None},
    ),
    (
        "import-issuers",
        "E125",
        {"mode": "import", "bought": "{certificate: {env: C}, key: {env: K}}"},
    ),
    (
        "import-text",
        "E150",
        {
            "mode": "import",
            "issuers": None,
            "bought": "{certificate: cert.pem, key: {env: K}}",
        },
    ),
    (
        "observe-deploys",
        "E125",
        {
            "mode": "observe",
            "issuers": None,
            "deploy": "[{target: Provider/porkbun-main}]",
        },
    ),
    ("typo", "E120", {"chalenge": "dns-01"}),
    ("no-zone", "E160", {"names": "[b.example]"}),
):
    certificate(case, error, None, **changed)

bad(
    "certificate-inline-key",
    f"{HEAD}Certificate/a.example:\n  names: [a.example]\n  mode: import\n"
    f"  bought:\n    certificate: {{env: C}}\n    key: |\n      {PEM}\n      MC4CAQAw\n",
    "E152",
    8,
)
SAME = "names: [a.example], issuers: [ca], key: {store: {file: keys}}"
bad(
    "certificate-same-names",
    f"{HEAD}Certificate/a: {{{SAME}}}\nCertificate/b: {{{SAME}}}\n",
    "E161",
    3,
    beside=BESIDE,
)
PLACED = (
    "issuers: [ca], key: {store: {file: keys}}, deploy: [{target: Provider/n, at: x}]"
)
bad(
    "certificate-same-place",
    f"{HEAD}Provider/n: {{type: nginx, credentials: {{}}}}\n"
    f"Certificate/a: {{names: [a.example], {PLACED}}}\n"
    f"Certificate/b: {{names: [b.a.example], {PLACED}}}\n",
    "E162",
    4,
    beside=BESIDE,
)
bad(
    "issuer-of-a-provider",
    f"{HEAD}Issuer/porkbun-main: {{{ISSUER}}}\n",
    "E163",
    2,
)
KEEPS = "engine: archive, url: file:///b, credentials: {password: {env: P}}"
for same, beside in (
    ("provider", "Provider/same: {type: porkbun, credentials: {}}\n"),
    ("issuer", f"Issuer/same: {{{ISSUER}}}\n"),
):
    bad(
        f"repository-of-an-account-{same}",
        f"{HEAD}BackupRepository/same: {{{KEEPS}}}\n",
        "E163",
        2,
        beside=BESIDE + beside,
    )
bad(
    "backup-like-its-repository",
    f"{HEAD}BackupRepository/same: {{{KEEPS}}}\n"
    "BackupPolicy/p: {objectives: {rpo: 26h, rto: 2h}, sources: {files: "
    "{paths: [w]}}, copies: [same]}\n"
    "Backup/same: {of: Domain/a.example, policy: p}\n",
    "E163",
    4,
    beside=BESIDE,
)
bad(
    "repository-built-in",
    f"{HEAD}BackupRepository/public: {{{KEEPS}}}\n",
    "E125",
    2,
)
for case, error, written in (
    ("no-directory", "E121", "accountKey: {env: K}"),
    ("no-key", "E121", "directory: https://ca.example/dir"),
    ("plain-http", "E125", "directory: http://ca.example/dir, accountKey: {env: K}"),
    ("with-user", "E125", "directory: https://u@ca.example/d, accountKey: {env: K}"),
    ("no-url", "E125", "directory: letsencrypt, accountKey: {env: K}"),
    (
        "staging-same",
        "E125",
        f"{ISSUER}, staging: https://ca.example/dir",
    ),
    ("key-text", "E150", "directory: https://ca.example/dir, accountKey: key.pem"),
    ("eab-no-hmac", "E121", f"{ISSUER}, eab: {{kid: k}}"),
    ("eab-text", "E150", f"{ISSUER}, eab: {{kid: k, hmac: secret}}"),
    ("contact", "E124", f"{ISSUER}, contact: [nobody]"),
    ("limit-none", "E125", f"{ISSUER}, limits: {{orders: 0}}"),
    ("unknown", "E120", f"{ISSUER}, type: acme"),
):
    issuer(case, error, written)
