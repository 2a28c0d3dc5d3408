"""Payment methods, and what names them, that must be refused."""

from __future__ import annotations

from tests.support.bad_case import HEAD, bad, provider

WHO = "Customer/c: {legalName: C BV, country: NL}\n"


def method(name: str, field: str, code: str, secret: str | None = None) -> None:
    """Add a case: one more field of an otherwise good payment method, on line 5."""
    text = f"{HEAD}{WHO}PaymentMethod/x:\n  provider: porkbun-main\n  {field}\n"
    if not field.startswith("token"):
        text += "  token: pm_1\n"
    bad(f"card-{name}", text, code, 5, secret)


bad("card-no-token", f"{HEAD}PaymentMethod/x: {{provider: porkbun-main}}\n", "E121", 2)
bad("card-no-provider", f"{HEAD}PaymentMethod/x: {{token: pm_1}}\n", "E121", 2)
bad(
    "card-nowhere",
    f"{HEAD}PaymentMethod/x: {{provider: none, token: pm_1}}\n",
    "E133",
    2,
)
method("of-nobody", "customer: nobody", "E133")
method("of-two", "customer: [c, d]", "E122")
method("token-number", "token: 12", "E122")
method("token-digits", 'token: "12"', "E125")
method("token-empty", 'token: ""', "E124")
method("token-blank", "token: pm 1", "E124")
method("token-path", "token: ../pm_1", "E124")
method("token-secret", "token: {env: X}", "E122")
PAN = "4242 4242 4242 4242"
method("pan", f'token: "{PAN}"', "E151", PAN)
method("pan-plain", "token: 4242424242424242", "E151", "4242424242424242")
method("pan-in-a-label", f'labels: {{note: "{PAN}"}}', "E151", PAN)
method("cvc", 'cvc: "123"', "E153")
method("number", "cardNumber: x", "E153")
method("purpose", "purposes: [everything]", "E123")
method("purposes-none", "purposes: []", "E124")
method("purposes-twice", "purposes: [renewal, renewal]", "E125")
method("warn-at-period", "warnAt: [1mo]", "E125")
method("warn-at-number", "warnAt: [30]", "E125")
method("default", "default: true", "E120")
method("role", "role: primary", "E120")
bad(
    "card-request-of-nobody",
    f"{HEAD}PaymentMethod/x: {{provider: porkbun-main, token: request}}\n",
    "E125",
    2,
)
provider("funded-by-nothing", "fundedBy: nothing", "E133")
provider("funded-by-two", "fundedBy: [a, b]", "E122")
provider("funded-by-address", "fundedBy: PaymentMethod/a", "E133")
for field in ("primary: nothing", "backup: [nothing]"):
    text = f"Customer/x: {{legalName: X BV, country: NL, payment: {{{field}}}}}\n"
    bad(f"card-{field.partition(':')[0]}-nothing", HEAD + text, "E133", 2)
