"""Accounts of our own, and who sells, that must be refused."""

from __future__ import annotations

from tests.support.bad_case import HEAD, bad

GOOD = {
    "legalName": "Example Hosting BV",
    "address": "[Street 1, 1000 AA Amsterdam]",
    "country": "NL",
    "iban": "NL91ABNA0417164300",
}


def seller(name: str, code: str, **fields: str | None) -> None:
    """Add a case: one field of a good seller is another, or is not there, on line 2."""
    told = {**GOOD, **fields}
    text = ", ".join(f"{key}: {value}" for key, value in told.items() if value)
    own = f"Provider/own: {{type: own, credentials: {{}}, seller: {{{text}}}}}\n"
    bad(f"seller-{name}", HEAD + own, code, 2)


OWN = "type: own, credentials: {}"
SELLER = "{" + ", ".join(f"{key}: {value}" for key, value in GOOD.items()) + "}"
for name, text in (
    ("no-seller", "Provider/own: {type: own, credentials: {}}"),
    ("other-name", f"Provider/x: {{type: own, credentials: {{}}, seller: {SELLER}}}"),
    ("other-type", f"Provider/own: {{type: aws, credentials: {{}}, seller: {SELLER}}}"),
    ("of-others", f"Provider/x: {{type: aws, credentials: {{}}, seller: {SELLER}}}"),
    (
        "credentials",
        f"Provider/own: {{type: own, credentials: {{k: {{env: K}}}}, seller: {SELLER}}}",
    ),
    (
        "endpoint",
        f"Provider/own: {{{OWN}, endpoint: 'https://a.example', seller: {SELLER}}}",
    ),
):
    bad(f"own-{name}", f"{HEAD}{text}\n", "E125", 2)
bad(
    "own-no-credentials",
    f"{HEAD}Provider/own: {{type: own, seller: {SELLER}}}\n",
    "E121",
    2,
)

seller("no-name", "E121", legalName=None)
seller("empty-name", "E124", legalName='""')
seller("no-address", "E121", address=None)
seller("empty-address", "E124", address="[]")
seller("long-address", "E124", address="[a, b, c, d, e, f, g]")
seller("address-text", "E122", address="Street 1")
seller("no-country", "E121", country=None)
seller("country", "E124", country="Netherlands")
seller("no-way-to-pay", "E125", iban=None)
seller("iban-digits", "E125", iban="NL92ABNA0417164300")
seller("iban-short", "E125", iban="NL91")
seller("iban-number", "E122", iban="91")
seller("bic", "E125", bic="bank")
seller("zone", "E125", timeZone="Amsterdam")
seller("unknown", "E120", vatNumber="NL1")
seller("pay-to-text", "E122", payTo="cash")
bad(
    "customer-postal-list",
    f"{HEAD}Customer/c:\n  legalName: C\n  country: NL\n  contacts: {{postal: [a, b]}}\n",
    "E123",
    5,
)
