"""Sites, their profiles and customers that must be refused."""

from __future__ import annotations

from tests.support.bad_case import HEAD, bad

WHO = "Customer/c: {legalName: C, country: NL}\n"
PLAIN = "SiteProfile/p: {Domain: {provider: porkbun-main}}\n"
USED = HEAD + WHO + "SiteProfile/p:\n  Domain:\n    provider: porkbun-main\n"
SITE = "Site/a.example: {profile: p, customer: c}\n"


def customer(name: str, field: str, code: str, secret: str | None = None) -> None:
    """Add a case: one more field of an otherwise good customer, on line 5."""
    text = f"{HEAD}Customer/x:\n  legalName: X\n  country: NL\n  {field}\n"
    bad(f"customer-{name}", text, code, 5, secret)


def site(name: str, field: str, code: str, line: int = 7) -> None:
    """Add a case: one more field of an otherwise good site, on line 7."""
    text = (
        f"{HEAD}{WHO}{PLAIN}Site/a.example:\n  profile: p\n  customer: c\n  {field}\n"
    )
    bad(f"site-{name}", text, code, line)


def profile(name: str, field: str, code: str, line: int = 6) -> None:
    """Add a case: one more field of a profile that one site uses, on line 6."""
    bad(f"profile-{name}", f"{USED}    {field}\n{SITE}", code, line)


def unused(name: str, part: str, code: str) -> None:
    """Add a case: a part of a profile that no site uses, on line 3."""
    bad(f"unused-profile-{name}", f"{HEAD}SiteProfile/x:\n  {part}\n", code, 3)


# Customers.
bad("customer-no-name", HEAD + "Customer/x: {country: NL}\n", "E121", 2)
bad("customer-no-country", HEAD + "Customer/x: {legalName: X}\n", "E121", 2)
bad(
    "customer-empty-name",
    HEAD + 'Customer/x: {legalName: "", country: NL}\n',
    "E124",
    2,
)
bad("customer-country", HEAD + "Customer/x: {legalName: X, country: nl}\n", "E124", 2)
bad(
    "customer-country-long",
    HEAD + "Customer/x: {legalName: X, country: NLD}\n",
    "E124",
    2,
)
bad("customer-name-type", HEAD + "Customer/x: {legalName: 5, country: NL}\n", "E122", 2)
bad("customer-slash", HEAD + "Customer/a/b: {legalName: X, country: NL}\n", "E130", 2)
customer("currency", "currency: euro", "E124")
customer("currency-lower", "currency: eur", "E124")
customer("tax-ids", "taxIds: NL123", "E122")
customer("tax-id-number", "taxIds: [5]", "E122")
customer("contacts", "contacts: ann@example.org", "E122")
customer("contact-unknown", "contacts: {sales: {env: X}}", "E120")
customer("contact-two-places", "contacts: {billing: {env: X, file: y}}", "E125")
customer("contact-no-place", "contacts: {billing: {}}", "E125")
customer("contact-empty", 'contacts: {billing: ""}', "E124")
customer("language", "language: English", "E124")
customer("time-zone", "timeZone: Amsterdam", "E125")
customer("time-zone-path", "timeZone: ../../etc/passwd", "E125")
customer("collect", "payment: {collect: card}", "E123")
customer("primary", "payment: {primary: [a]}", "E122")
customer("backup", "payment: {backup: paypal}", "E122")
customer("consent-half", "payment: {consent: {reference: x, date: 2024-03-01}}", "E121")
customer(
    "consent-date",
    "payment: {consent: {reference: x, date: 1.5, max: 5.00 EUR}}",
    "E125",
)
customer(
    "consent-day",
    "payment: {consent: {reference: x, date: 2024-02-30, max: 5.00 EUR}}",
    "E125",
)
customer(
    "consent-max",
    "payment: {consent: {reference: x, date: 2024-03-01, max: 5}}",
    "E125",
)
customer(
    "consent-backup",
    "payment: {consent: {reference: x, date: 2024-03-01, max: 5.00 EUR, backup: yes}}",
    "E122",
)
site("with-token-key", "with: {Domain: {glue: {ns1.$domain: [192.0.2.1]}}}", "E136")
customer("holds", "holds: dispute", "E122")
customer("holds-word", "holds: [angry]", "E123")
customer("hidden-secret", "password: hunter2", "E120")

# Sites.
bad("site-no-profile", HEAD + WHO + "Site/a.example: {customer: c}\n", "E121", 3)
bad("site-no-customer", HEAD + PLAIN + "Site/a.example: {profile: p}\n", "E121", 3)
bad("site-unknown-profile", HEAD + WHO + SITE, "E133", 3)
bad("site-unknown-customer", HEAD + PLAIN + SITE, "E133", 3)
bad(
    "site-no-domain-name",
    HEAD + WHO + PLAIN + "Site/acme: {profile: p, customer: c}\n",
    "E130",
    4,
)
bad(
    "site-name-mixed",
    HEAD + WHO + PLAIN + "Site/p\u0430ypal.example: {profile: p, customer: c}\n",
    "E130",
    4,
)
bad(
    "site-name-space",
    HEAD + WHO + PLAIN + '"Site/a b.example": {profile: p, customer: c}\n',
    "E130",
    4,
)
site("unknown-field", "colour: red", "E120")
site("template", "template: p", "E120")
site("server", "server: nowhere", "E133")
site("server-type", "server: [porkbun-main]", "E122")
site("registrar", "registrar: nowhere", "E133")
site("account-number", "account: 5", "E122")
site("account-empty", 'account: ""', "E124")
site("plan", "plan: {min: a}", "E122")
site("price", "price: 120", "E125")
site("price-unit", "price: 120.00 EUR", "E125")
site("since", "since: March", "E125")
site("since-day", "since: 2024-02-30", "E125")
site("aliases", "aliases: b.example", "E122")
site("alias-name", "aliases: [b]", "E125")
site("alias-twice", "aliases: [b.example, B.example]", "E125")
site("with-list", "with: [Domain]", "E122")
site("with-text", "with: {Domain: x}", "E122")
site("with-unknown-kind", "with: {Domian: {}}", "E135")
site("with-no-part", "with: {Backup: {}}", "E135")
site("with-unknown-field", "with: {Domain: {colour: red}}", "E120")
site("with-value", "with: {Domain: {lifecycle: forever}}", "E123")
site("with-reference", "with: {Domain: {provider: nowhere}}", "E133")
site("with-include", "with: {Domain: {dns: {include: [nothing]}}}", "E133")
site("with-token", "with: {Domain: {nameservers: [$ns, ns.example]}}", "E136")
site("with-dollar", "with: {Domain: {nameservers: [a$, ns.example]}}", "E136")
site("with-empty-token", "with: {Domain: {nameservers: [$account, b.example]}}", "E137")
site("with-and-without", "with: {Domain: {}}\n  without: [Domain]", "E135")
site("without-text", "without: Domain", "E122")
site("without-unknown", "without: [Backup]", "E135")
site("label-site", "labels: {site: x}", "E139")
site("label-customer", "labels: {customer: x}", "E139")
site("secret", "with: {Domain: {cvv: 123}}", "E153")
bad(
    "site-is-its-alias",
    f"{HEAD}{WHO}{PLAIN}Site/a.example: {{profile: p, customer: c, aliases: [A.example]}}\n",
    "E125",
    4,
)
bad("site-twice", f"{HEAD}{WHO}{PLAIN}{SITE}---\n{SITE}", "E131", 6)
bad(
    "site-and-domain",
    f"{HEAD}{WHO}{PLAIN}{SITE}Domain/a.example: {{provider: none}}\n",
    "E131",
    5,
)
bad(
    "domain-and-site",
    f"{HEAD}{WHO}{PLAIN}Domain/a.example: {{provider: none}}\n{SITE}",
    "E131",
    5,
)
bad(
    "two-sites-one-alias",
    f"{HEAD}{WHO}{PLAIN}{SITE}Site/b.example: {{profile: p, customer: c, aliases: [a.example]}}\n",
    "E131",
    5,
)
bad(
    "site-lacks-registrar",
    f"{HEAD}{WHO}SiteProfile/p: {{Domain: {{}}}}\n{SITE}",
    "E138",
    4,
)
bad(
    "site-lacks-server",
    f"{HEAD}{WHO}SiteProfile/p: {{HostingAccount: {{plan: x}}}}\n{SITE}",
    "E138",
    4,
)
bad(
    "site-lacks-plan",
    f"{HEAD}{WHO}SiteProfile/p: {{HostingAccount: {{provider: x}}}}\n{SITE}",
    "E138",
    4,
)
bad(
    "site-lacks-since",
    f"{HEAD}{WHO}SiteProfile/p: {{Subscription: {{}}}}\n{SITE}",
    "E138",
    4,
)
bad(
    "profile-backs-up-nothing",
    f"{HEAD}{WHO}SiteProfile/p: {{Backup: {{policy: x}}}}\n{SITE}",
    "E138",
    3,
)
ACCOUNT = "HostingAccount: {plan: x, provider: y}"
bad(
    "site-backs-up-nothing",
    f"{HEAD}{WHO}SiteProfile/p: {{Backup: {{policy: x}}, {ACCOUNT}}}\n"
    "Site/a.example: {profile: p, customer: c, without: [HostingAccount]}\n",
    "E138",
    4,
)

# Profiles.
profile("token", "nameservers: [ns1.$dommain, ns2.$domain]", "E136")
profile("dollar", 'warnAt: ["5$"]', "E136")
profile("empty-token", "nameservers: [ns1.example, $account.example]", "E137")
profile("no-server", 'dns: {records: [{name: "@", type: A, value: $ipv4}]}', "E137")
profile("field", "colour: red", "E120")
profile("value", "lifecycle: forever", "E123")
profile("type", "privacy: maybe", "E122")
profile("record", "dns: {records: [{name: www, type: CNAME, value: $domain}]}", "E125")
profile("reference", "dns: {targets: [nowhere]}", "E133")
profile("include", "dns: {include: [nothing]}", "E133")
profile("labels", "labels: {a: b}", "E120")
unused("kind", "Domian: {}", "E120")
unused("shared-kind", "Provider: {}", "E120")
unused("site", "Site: {}", "E120")
unused("part-text", "Domain: x", "E122")
unused("part-list", "Domain: [x]", "E122")
unused("part-field", "Domain: {colour: red}", "E120")
unused("part-value", "Domain: {renewal: {mode: never}}", "E123")
unused("part-token", "Domain: {provider: $nobody}", "E136")
unused("part-backup-token", "Backup: {policy: $nobody}", "E136")
