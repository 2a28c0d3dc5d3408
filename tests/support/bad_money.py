"""Subscriptions, their policies and their customers that must be refused."""

from __future__ import annotations

from tests.support.bad_case import HEAD, bad

_HOUSE = (
    "Provider/whm-1: {type: whm, credentials: {user: {env: U}, token: {env: T}}}\n"
    "Provider/stripe-1: {type: stripe, credentials: {key: {env: S}}}\n"
    "HostingPlan/one: {price: 9.00 EUR/month, packages: {whm: one}, up: two}\n"
    "HostingPlan/two: {price: 19.00 EUR/month, packages: {whm: two}}\n"
    "HostingAccount/a.example: {provider: whm-1, plan: one}\n"
    "HostingAccount/b.example: {provider: whm-1, plan: {min: one, max: two}}\n"
    "Customer/pays: {legalName: P BV, country: NL, payment: {collect: invoice}}\n"
    "PaymentMethod/ours: {provider: stripe-1, token: pm_1}\n"
)
_METHODS = (
    "PaymentMethod/dom: {customer: who, provider: stripe-1, token: pm_2, purposes: [domain]}\n"
    "PaymentMethod/card: {customer: who, provider: stripe-1, token: pm_3}\n"
)
#: The line after those above.
_LINE = 2 + _HOUSE.count("\n")
_AGREED = "consent: {reference: x, date: 2026-01-02, max: 50.00 EUR}"
_AUTO = f"primary: card, {_AGREED}"
_WHO = "customer: pays, since: 2026-03-01"
_A = "covers: [HostingAccount/a.example]"
_B = "covers: [HostingAccount/b.example]"


def subscription(
    name: str, fields: str, code: str, *more: str, line: int = _LINE
) -> None:
    """Add a case: one subscription with these fields, and *more* after it."""
    text = f"{HEAD}{_HOUSE}Subscription/x: {{{fields}}}\n" + "".join(more)
    bad(f"subscription-{name}", text, code, line)


def paying(name: str, payment: str, code: str, policies: str = "") -> None:
    """Add a case: the customer who is in the line after the subscription's."""
    who = f"Customer/who: {{legalName: W, country: NL, payment: {{{payment}}}}}\n"
    fields = f"customer: who, since: 2026-03-01, {_A}{policies}"
    line = _LINE if policies else _LINE + 1
    subscription(f"of-{name}", fields, code, who, _METHODS, _ENGINES, line=line)


_ENGINES = (
    "InvoicePolicy/by-stripe: {collector: stripe-billing}\n"
    "InvoicePolicy/by-paypal: {collector: paypal-subscription}\n"
    "DunningPolicy/quiet: {steps: [{after: 0d, do: [{notify: first-failure}]}]}\n"
)

subscription("of-nobody", f"customer: none, since: 2026-03-01, {_A}", "E133")
subscription("no-customer", f"since: 2026-03-01, {_A}", "E121")
subscription("no-since", f"customer: pays, {_A}", "E121")
subscription("no-covers", _WHO, "E121")
subscription("covers-nothing", f"{_WHO}, covers: []", "E124")
subscription(
    "covers-twice",
    f"{_WHO}, covers: [HostingAccount/a.example, HostingAccount/a.example]",
    "E125",
)
subscription("covers-a-name", f"{_WHO}, covers: [a.example]", "E125")
subscription("covers-a-plan", f"{_WHO}, covers: [HostingPlan/one]", "E125")
subscription("covers-half", f"{_WHO}, covers: [HostingAccount/]", "E125")
subscription(
    "covers-what-is-not-there", f"{_WHO}, covers: [Domain/none.example]", "E133"
)
subscription("covers-text", f"{_WHO}, covers: HostingAccount/a.example", "E122")
subscription(
    "since-a-time", f"customer: pays, since: 2026-03-01T00:00:00Z, {_A}", "E125"
)
subscription("since-no-day", f"customer: pays, since: 2026-02-30, {_A}", "E125")
subscription("state", f"{_WHO}, {_A}, state: paused", "E123")
subscription("proration", f"{_WHO}, {_A}, proration: always", "E123")
subscription("term-days", f"{_WHO}, {_A}, term: 30d", "E125")
subscription("term-nothing", f"{_WHO}, {_A}, term: 0mo", "E124")
subscription("price-negative", f"{_WHO}, {_A}, price: -9.00 EUR/month", "E125")
subscription("price-number", f"{_WHO}, {_A}, price: 9.00", "E125")
subscription("price-decimals", f"{_WHO}, {_A}, price: 9.001 EUR/month", "E125")
subscription("price-of-one-time", f"{_WHO}, {_A}, price: 9.00 EUR", "E125")
subscription("invoicing-none", f"{_WHO}, {_A}, invoicing: none", "E133")
subscription("dunning-none", f"{_WHO}, {_A}, dunning: none", "E133")
subscription("terms", f"{_WHO}, {_A}, terms: {{price: 0.00 EUR}}", "E120")
subscription("unknown-field", f"{_WHO}, {_A}, discount: 10%", "E120")
subscription("no-price", f"{_WHO}, {_B}", "E143")
subscription(
    "two-prices",
    f"{_WHO}, covers: [HostingAccount/a.example, HostingAccount/b.example]",
    "E143",
)
subscription("currency", f"{_WHO}, {_A}, price: 9.00 USD/month", "E144")
subscription(
    "currency-of-policy",
    f"{_WHO}, {_A}, invoicing: dollars",
    "E144",
    "InvoicePolicy/dollars: {maxCharge: 50.00 USD}\n",
)
subscription(
    "covered-twice",
    f"{_WHO}, {_A}",
    "E148",
    f"Subscription/y: {{{_WHO}, {_A}}}\n",
    line=_LINE + 1,
)
paying("nothing", "backup: [card]", "E145")
paying("no-consent", "primary: card", "E145")
paying("no-primary", _AGREED, "E145")
paying("our-card", f"primary: ours, {_AGREED}", "E145")
paying("another-purpose", f"primary: dom, {_AGREED}", "E145")
paying("card-that-is-not", f"primary: none, {_AGREED}", "E133")
paying("primary-and-backup", f"primary: card, backup: [card], {_AGREED}", "E125")
paying("backup-twice", f"primary: card, backup: [dom, dom], {_AGREED}", "E125")
paying("consent-currency", _AUTO.replace("EUR", "USD"), "E125")
paying("two-engines", _AUTO, "E147", ", invoicing: by-stripe")
paying("other-engine", _AUTO, "E147", ", invoicing: by-paypal, dunning: quiet")
bad(
    "terms-in-defaults",
    f"{HEAD}{_HOUSE}Subscription/x: {{{_WHO}, {_A}}}\n",
    "E120",
    3,
    _defaults=f"{HEAD}Subscription:\n  terms: {{}}\n",
)
bad(
    "site-covers-nothing",
    f"{HEAD}{_HOUSE}SiteProfile/p: {{Subscription: {{}}}}\n"
    "Site/s.example: {profile: p, customer: pays, since: 2026-03-01}\n",
    "E138",
    _LINE,
)


# -- policies ---------------------------------------------------------------------


def invoicing(name: str, fields: str, code: str) -> None:
    """Add a case: one field of an InvoicePolicy, on line 3."""
    bad(f"invoicing-{name}", f"{HEAD}InvoicePolicy/x:\n  {fields}\n", code, 3)


def dunning(name: str, code: str, line: int, *steps: str, most: int = 6) -> None:
    """Add a case: a DunningPolicy with these steps, from line 5 on."""
    text = f"{HEAD}DunningPolicy/x:\n  maxAttempts: {most}\n  steps:\n"
    text += "".join(f"    - {{{step}}}\n" for step in steps)
    bad(f"dunning-{name}", text, code, line)


invoicing("collector", "collector: mollie", "E123")
invoicing("create", "create: 1mo", "E125")
invoicing("create-number", "create: 14", "E125")
invoicing("due-negative", "due: -1d", "E125")
invoicing("remind-unsorted", "remindAt: [1d, 7d]", "E146")
invoicing("remind-twice", "remindAt: [7d, 7d]", "E146")
invoicing("remind-text", "remindAt: 7d", "E122")
invoicing("max-charge", "maxCharge: 5", "E125")
invoicing("max-charge-price", "maxCharge: 5.00 EUR/month", "E125")
invoicing("deliver", "deliver: [fax]", "E123")
invoicing("unknown", "grace: 3d", "E120")
bad(
    "invoicing-charge-before-create",
    f"{HEAD}InvoicePolicy/x: {{create: 1d, charge: 2d}}\n",
    "E125",
    2,
)

_FIRST = "after: 0d, do: [charge, {notify: first-failure}]"
_WARN = "after: 5d, do: [{notify: final-warning}]"
_STOP = "after: 9d, do: [suspend]"
bad("dunning-no-steps", f"{HEAD}DunningPolicy/x: {{maxAttempts: 3}}\n", "E121", 2)
bad("dunning-empty", f"{HEAD}DunningPolicy/x: {{steps: []}}\n", "E124", 2)
dunning("nothing-done", "E124", 5, "after: 0d, do: []")
dunning("unknown-deed", "E123", 5, "after: 0d, do: [shame]")
dunning("unknown-notice", "E123", 5, "after: 0d, do: [{notify: threat}]")
dunning("no-after", "E121", 5, "do: [{notify: first-failure}]")
dunning("after-period", "E125", 5, "after: 1mo, do: [{notify: first-failure}]")
dunning("unsorted", "E146", 7, _FIRST, "after: 5d, do: [retry]", "after: 3d, do: [request-card-update]")  # fmt: skip
dunning("twice-the-same-day", "E146", 6, _FIRST, "after: 0d, do: [request-card-update]")
dunning("not-told", "E146", 5, "after: 0d, do: [charge]")
dunning("told-late", "E146", 5, "after: 0d, do: [charge]", "after: 1d, do: [{notify: first-failure}]")  # fmt: skip
dunning("charge-later", "E146", 6, _FIRST, "after: 3d, do: [charge]")
dunning("deed-twice", "E146", 6, _FIRST, "after: 3d, do: [request-card-update, request-card-update]")  # fmt: skip
dunning("two-attempts-a-day", "E146", 6, _FIRST, "after: 3d, do: [retry, backup-gateway]")  # fmt: skip
dunning("attempts-too-near", "E146", 6, _FIRST, "after: 23h, do: [retry]")
dunning("too-many", "E146", 3, _FIRST, "after: 2d, do: [retry]", most=1)
dunning("far-too-many", "E124", 3, _FIRST, most=9)
dunning("none-allowed", "E124", 3, _FIRST, most=0)
dunning("unwarned", "E146", 6, _FIRST, _STOP)
dunning("warned-too-late", "E146", 7, _FIRST, _WARN, "after: 7d, do: [suspend]")
dunning("warned-afterwards", "E146", 6, _FIRST, "after: 2d, do: [suspend]", _WARN)
dunning("ends-at-once", "E146", 6, _FIRST, "after: 30d, do: [propose-termination]")
dunning("ends-with-suspension", "E146", 7, _FIRST, _WARN, "after: 9d, do: [suspend, propose-termination]")  # fmt: skip
dunning("punished-untried", "E146", 7, _FIRST, _WARN, _STOP, "after: 12d, do: [retry]")
for hours in ("21:00", "25:00-08:00", "08:00-08:00", "9-17"):
    bad(
        f"dunning-quiet-{hours}",
        f"{HEAD}DunningPolicy/x: {{quietHours: '{hours}', steps: [{{{_FIRST}}}]}}\n",
        "E125",
        2,
    )
bad(
    "dunning-weekends",
    f"{HEAD}DunningPolicy/x: {{skipWeekends: 'yes', steps: [{{{_FIRST}}}]}}\n",
    "E122",
    2,
)
bad(
    "dunning-unknown",
    f"{HEAD}DunningPolicy/x: {{steps: [{{{_FIRST}}}], fee: 5.00 EUR}}\n",
    "E120",
    2,
)
