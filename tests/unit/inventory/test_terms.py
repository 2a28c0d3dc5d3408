"""The terms of a subscription, taken from everything that decides about them."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from reconciler.inventory import Inventory, WorkTree, load
from reconciler.inventory.parts import COVERED as COVERED_BY_A_SITE
from reconciler.inventory.schemas import schemas
from reconciler.kinds.subscription import COVERED, Subscription
from reconciler.model import Money, Period, Ref, Terms
from reconciler.model.terms import STANDARD, Agreed, Invoicing, Method
from tests.unit.inventory.tree import HEAD, Texts, errors, loaded, write

ACCOUNTS = (
    HEAD
    + """\
Provider/whm-1: {type: whm, credentials: {user: {env: U}, token: {env: T}}}
Provider/stripe-main: {type: stripe, credentials: {key: {env: S}}}
Provider/paypal-main: {type: paypal, credentials: {key: {env: P}}}
"""
)
PLANS = (
    HEAD
    + """\
HostingPlan/small: {price: 9.00 EUR/month, packages: {whm: s}, up: large}
HostingPlan/large: {price: 120.00 EUR/year, packages: {whm: l}}
"""
)
CUSTOMERS = (
    HEAD
    + """\
Customer/anna:
  legalName: Anna BV
  country: NL
  language: nl
  timeZone: Europe/Amsterdam
  contacts: {billing: {env: MAIL}}
  payment:
    primary: anna-card
    backup: [anna-new, anna-paypal]
    consent: {reference: signed.pdf, date: 2026-01-02, max: 50.00 EUR, backup: true}
Customer/bo: {legalName: Bo Inc, country: US, currency: USD, holds: [dispute], payment: {collect: invoice}}
"""
)
METHODS = (
    HEAD
    + """\
PaymentMethod/anna-card: {customer: anna, provider: stripe-main, token: pm_1}
PaymentMethod/anna-new: {customer: anna, provider: stripe-main, token: request}
PaymentMethod/anna-paypal: {customer: anna, provider: paypal-main, token: v-1}
"""
)
POLICIES = (
    HEAD
    + """\
InvoicePolicy/late: {create: 7d, due: 14d, maxCharge: 40.00 EUR, remindAt: [7d, 1d]}
DunningPolicy/gentle:
  maxAttempts: 2
  quietHours: 20:00-09:00
  steps: [{after: 0d, do: [charge, {notify: first-failure}]}, {after: 5d, do: [retry]}]
"""
)
THINGS = (
    HEAD
    + """\
HostingAccount/anna.example: {provider: whm-1, plan: small}
HostingAccount/bo.example: {provider: whm-1, plan: {min: small, max: large}}
Domain/anna.example: {provider: none, lifecycle: observe}
"""
)
SOLD = (
    HEAD
    + """\
Subscription/anna:
  customer: anna
  since: 2026-01-31
  covers: [HostingAccount/anna.example, Domain/anna.example]
Subscription/bo:
  customer: bo
  since: 2026-02-01
  covers: [HostingAccount/bo.example]
  price: 240.00 USD/year
  term: 6mo
"""
)
#: The order of the files means nothing: some are before what they name, some after.
TREE = {
    "accounts": ACCOUNTS,
    "a__sold": SOLD,
    "plans": PLANS,
    "customers": CUSTOMERS,
    "z__methods": METHODS,
    "policies": POLICIES,
    "things": THINGS,
}
ANNA, BO = Ref("Subscription", "anna"), Ref("Subscription", "bo")


def terms(found: Inventory, ref: Ref = ANNA) -> Terms:
    want = found.get(ref)
    assert isinstance(want, Subscription)
    assert want.spec.terms is not None
    return want.spec.terms


def money(text: str) -> Money:
    return Money.model_validate(text)


def test_everything_is_put_together(tmp_path: Path) -> None:
    found = loaded(tmp_path, **TREE)
    assert terms(found) == Terms(
        price=money("9.00 EUR"),
        term=Period(months=1),
        customer="anna",
        country="NL",
        currency="EUR",
        language="nl",
        time_zone="Europe/Amsterdam",
        collect="auto",
        methods=(
            Method(name="anna-card", provider="stripe-main", token="pm_1"),
            Method(name="anna-paypal", provider="paypal-main", token="v-1"),
        ),
        agreed=Agreed(
            reference="signed.pdf",
            date=date(2026, 1, 2),
            max=money("50.00 EUR"),
            backup=True,
        ),
    )
    assert terms(found, BO) == Terms(
        price=money("120.00 USD"),
        term=Period(months=6),
        customer="bo",
        country="US",
        currency="USD",
        collect="invoice",
        holds=("dispute",),
    )


def test_policies_are_documents_or_the_usual_ones(tmp_path: Path) -> None:
    named = SOLD.replace(
        "\n  since: 2026-01-31",
        "\n  since: 2026-01-31\n  invoicing: late\n  dunning: gentle",
    )
    found = terms(loaded(tmp_path, **{**TREE, "a__sold": named}))
    assert found.invoicing == Invoicing(
        create=timedelta(days=7),
        due=timedelta(days=14),
        max_charge=money("40.00 EUR"),
        remind_at=(timedelta(days=7), timedelta(days=1)),
    )
    assert (found.dunning.max_attempts, len(found.dunning.steps)) == (2, 2)
    assert str(found.dunning.quiet_hours) == "20:00-09:00"
    usual = terms(load(WorkTree(tmp_path)), BO)
    assert (usual.invoicing, usual.dunning) == (Invoicing(), STANDARD)


def test_nobody_sees_the_terms_as_a_field(tmp_path: Path) -> None:
    found = loaded(tmp_path, **TREE)
    assert not [leaf for leaf in found.origins(ANNA) if "terms" in leaf.path]
    assert [name for name, text in schemas().items() if '"terms"' in text] == []


def test_no_contact_is_part_of_them(tmp_path: Path) -> None:
    assert "MAIL" not in loaded(tmp_path, **TREE).content(ANNA)


CHANGES = {
    "language": ("customers", "language: nl", "language: de"),
    "consent": ("customers", "max: 50.00", "max: 60.00"),
    "backup": ("customers", "backup: [anna-new, anna-paypal]", "backup: []"),
    "token": ("z__methods", "token: pm_1", "token: pm_9"),
    "asked": ("z__methods", "token: request", "token: pm_2"),
    "account": ("z__methods", "provider: paypal-main", "provider: stripe-main"),
    "price": ("plans", "9.00 EUR", "10.00 EUR"),
    "plan": ("things", "plan: small}\n", "plan: large}\n"),
    "usual-invoicing": ("policies", HEAD, f"{HEAD}InvoicePolicy/default: {{create: 9d}}\n"),
    "usual-dunning": (
        "policies",
        HEAD,
        f"{HEAD}DunningPolicy/standard: {{steps: [{{after: 1d, do: [{{notify: first-failure}}]}}]}}\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("forget", [False, True], ids=["warm", "files-only"])
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_what_they_are_made_from_changes_them(
    tmp_path: Path, name: str, forget: bool
) -> None:
    """From the cache too, whole or not: the file of the subscription did not change."""
    file, old, new = CHANGES[name]
    text = TREE[file].replace(old, new)
    assert text != TREE[file]
    cache = tmp_path / "cache.sqlite"
    before = load(WorkTree(write(tmp_path, **TREE)), cache=cache)
    first = (terms(before), before.digest(ANNA))
    for tree in ({**TREE, file: text},) if forget else ({**TREE, file: text}, TREE):
        if forget:  # every file is known by itself, and not how they went together
            _forget_the_tree(cache)
        after = load(WorkTree(write(tmp_path, **tree)), cache=cache)
        cold = load(WorkTree(tmp_path))
        assert terms(after) == terms(cold)
        assert after.digest(ANNA) == cold.digest(ANNA)
        same = tree is TREE
        assert ((terms(after), after.digest(ANNA)) == first) is same
        assert terms(after, BO) == terms(cold, BO)


def _forget_the_tree(cache: Path) -> None:
    import sqlite3

    with sqlite3.connect(cache) as known:
        known.execute("DELETE FROM tree1")


def test_what_is_missing_at_first_is_not_remembered_as_missing(tmp_path: Path) -> None:
    cache = tmp_path / "cache.sqlite"
    for left_out in ("z__methods", "plans", "customers", "things"):
        less = {name: text for name, text in TREE.items() if name != left_out}
        root = tmp_path / left_out
        assert [e for e in errors(root, **less) if "E133" in e]
        write(root, **less)
        with pytest.raises(Exception, match="there is no"):
            load(WorkTree(root), cache=cache)
        found = load(WorkTree(write(root, **TREE)), cache=cache)
        assert terms(found) == terms(load(WorkTree(root)))
        assert found.digest(ANNA) == load(WorkTree(root)).digest(ANNA)


def test_a_usual_policy_may_come_and_go(tmp_path: Path) -> None:
    cache = tmp_path / "cache.sqlite"
    before = load(WorkTree(write(tmp_path, **TREE)), cache=cache)
    usual = f"{HEAD}InvoicePolicy/default: {{create: 9d}}\n"
    with_it = load(WorkTree(write(tmp_path, **TREE, usual=usual)), cache=cache)
    assert terms(with_it).invoicing.create == timedelta(days=9)
    (tmp_path / "inventory" / "usual.yaml").unlink()
    after = load(WorkTree(tmp_path), cache=cache)
    assert after.digest(ANNA) == before.digest(ANNA) != with_it.digest(ANNA)


def test_what_has_nothing_to_do_with_it_changes_nothing(tmp_path: Path) -> None:
    cache = tmp_path / "cache.sqlite"
    before = load(WorkTree(write(tmp_path, **TREE)), cache=cache)
    renamed = CUSTOMERS.replace("Anna BV", "Anna Holding BV")
    after = load(
        WorkTree(write(tmp_path, **{**TREE, "customers": renamed})), cache=cache
    )
    assert after.digest(ANNA) == before.digest(ANNA)
    assert after.digest(BO) == before.digest(BO)


PROFILE = f"""{HEAD}SiteProfile/p:
  HostingAccount: {{plan: small}}
  Domain: {{provider: none, lifecycle: observe}}
  Subscription:
"""
SITE = f"""{HEAD}Site/shop.example:
  {{profile: p, customer: anna, server: whm-1, account: shop, since: 2026-03-01}}
"""


def test_a_site_makes_a_subscription_of_its_own_parts(tmp_path: Path) -> None:
    tree = {**TREE, "profile": PROFILE, "b__site": SITE}
    found = loaded(tmp_path, **tree)
    ref = Ref("Subscription", "shop.example")
    want = found.get(ref)
    assert isinstance(want, Subscription)
    assert want.spec.covers == ("Domain/shop.example", "HostingAccount/shop.example")
    assert want.spec.since == date(2026, 3, 1)
    assert terms(found, ref) == terms(found)
    assert {each.ref.kind for each in found.expansion(Ref("Site", "shop.example"))} == {
        "Domain", "HostingAccount", "Subscription",
    }  # fmt: skip
    priced = SITE.replace("since:", "price: 99.00 EUR/year, since:")
    dear = terms(loaded(tmp_path, **{**tree, "b__site": priced}), ref)
    assert (dear.price, dear.term) == (money("99.00 EUR"), Period(months=12))


def test_what_is_known_is_not_read_again(tmp_path: Path) -> None:
    """Neither with the tree, nor from the files alone; nor because of a comment."""
    cache = tmp_path / "cache.sqlite"
    texts = {**TREE, "profile": PROFILE, "b__site": SITE}
    files = {f"inventory/{name}.yaml": text.encode() for name, text in texts.items()}
    source = Texts(files)
    before = load(source, cache=cache)
    for forget in (False, True):
        if forget:
            _forget_the_tree(cache)
        source.reads.clear()
        assert load(source, cache=cache).digest(ANNA) == before.digest(ANNA)
        assert source.reads == []
    for name in ("customers", "things", "b__site"):
        source.content[f"inventory/{name}.yaml"] += b"# nothing\n"
        source.reads.clear()
        assert load(source, cache=cache).digest(ANNA) == before.digest(ANNA)
        assert source.reads == [f"inventory/{name}.yaml"]


def test_what_a_site_covers_is_what_a_subscription_can_cover() -> None:
    assert COVERED_BY_A_SITE == COVERED


@pytest.mark.parametrize("other", ["a.example", "z.example"])
@pytest.mark.parametrize("by_site", [False, True])
def test_an_account_that_a_site_makes_can_be_covered_from_elsewhere(
    tmp_path: Path, other: str, by_site: bool
) -> None:
    """Whichever is read first; and a changed profile changes the subscription."""
    profile = f"{HEAD}SiteProfile/bare: {{HostingAccount: {{plan: small}}}}\n"
    profile += "SiteProfile/sold: {Subscription: {}}\n"
    head = f"{HEAD}Site/{other}: {{profile: bare, customer: anna, server: whm-1, account: x}}\n"
    name = "m.example"
    sold = f"{HEAD}Subscription/{name}: {{customer: anna, since: 2026-03-01, covers: [HostingAccount/{other}]}}\n"
    if by_site:
        own = f"with: {{Subscription: {{covers: [HostingAccount/{other}]}}}}"
        sold = f"{HEAD}Site/{name}: {{profile: sold, customer: anna, since: 2026-03-01, {own}}}\n"
    tree = {**TREE, "y__profile": profile, f"s__{other}": head, "s__m": sold}
    ref = Ref("Subscription", name)
    cache = tmp_path / "cache.sqlite"
    first = load(WorkTree(write(tmp_path, **tree)), cache=cache)
    assert terms(first, ref).price == money("9.00 EUR")
    dear = {**tree, "y__profile": profile.replace("plan: small", "plan: large")}
    after = load(WorkTree(write(tmp_path, **dear)), cache=cache)
    assert terms(after, ref).price == money("120.00 EUR")
    assert after.digest(ref) == load(WorkTree(tmp_path)).digest(ref)
    assert terms(load(WorkTree(tmp_path), cache=cache), ref) == terms(after, ref)


SAID = {
    "no price, two accounts": (
        "customer: anna, covers: [HostingAccount/anna.example, HostingAccount/bo.example]",
        r"bad.yaml:2:1: E143 Subscription/x: spec.price: there is no price: the plan of an account gives it, and this covers 2 accounts",
    ),
    "no price, no account": (
        "customer: anna, covers: [Domain/anna.example]",
        "bad.yaml:2:1: E143 .* and this covers none",
    ),
    "no price, many plans": (
        "customer: anna, covers: [HostingAccount/bo.example]",
        "bad.yaml:2:1: E143 .* HostingAccount/bo.example may be on several plans",
    ),
    "another currency": (
        "customer: anna, covers: [Domain/anna.example], price: 9.00 USD/month",
        "bad.yaml:2:91: E144 .*9.00 USD/month is the price, and Customer/anna pays in EUR",
    ),
    "a plan in another currency": (
        "customer: bo, covers: [HostingAccount/c.example]",
        "bad.yaml:2:1: E144 .*9.00 EUR/month is the price, and Customer/bo pays in USD",
    ),
    "a policy in another currency": (
        "customer: bo, covers: [Domain/anna.example], price: 9.00 USD/month, invoicing: late",
        "bad.yaml:2:116: E144 .*maxCharge of InvoicePolicy/late is 40.00 EUR, and Customer/bo",
    ),
    "nothing to charge": (
        "customer: cy, covers: [HostingAccount/c.example]",
        "customers.yaml:13:1: E145 Customer/cy: spec.payment: collect: auto needs a primary payment method and a consent, used by inventory/bad.yaml:2 Subscription/x",
    ),
    "no consent": (
        "customer: di, covers: [HostingAccount/c.example]",
        "customers.yaml:14:52: E145 Customer/di: spec.payment: collect: auto needs a consent, used by",
    ),
    "somebody else's card": (
        "customer: ed, covers: [HostingAccount/c.example]",
        "customers.yaml:15:80: E145 Customer/ed: spec.payment.primary: PaymentMethod/anna-card is Customer/anna's",
    ),
    "our own card": (
        "customer: fay, covers: [HostingAccount/c.example]",
        r"customers.yaml:16:82: E145 Customer/fay: spec.payment.backup\[0\]: PaymentMethod/ours is our own",
    ),
    "a card for other purposes": (
        "customer: gus, covers: [HostingAccount/c.example]",
        "customers.yaml:17:82: E145 .* PaymentMethod/gus-1 is for domain and overage alone",
    ),
    "two engines": (
        "customer: anna, covers: [HostingAccount/c.example], invoicing: by-stripe",
        "bad.yaml:2:1: E147 .*spec.dunning: DunningPolicy/standard has charge and retry and backup-gateway, and stripe-billing tries by itself",
    ),
    "an engine of another vendor": (
        "customer: anna, covers: [HostingAccount/c.example], invoicing: by-paypal, dunning: quiet",
        r"bad.yaml:2:100: E147 .*paypal-subscription collects at paypal alone, and PaymentMethod/anna-card is at Provider/stripe-main \(stripe\)",
    ),
    "an engine without a method": (
        "customer: bo, covers: [Domain/anna.example], price: 1.00 USD/month, invoicing: by-stripe, dunning: quiet",
        "bad.yaml:2:116: E147 .*Customer/bo has no primary payment method",
    ),
    "terms by hand": (
        "customer: anna, covers: [HostingAccount/c.example], terms: {price: 1.00 EUR}",
        "bad.yaml:2:89: E120 .*spec.terms: is not written",
    ),
    "nobody": (
        "customer: nobody, covers: [HostingAccount/c.example]",
        "bad.yaml:2:47: E133 .*no Customer/nobody",
    ),
    "nothing": (
        "customer: anna, covers: [HostingAccount/nothing.example]",
        r"bad.yaml:2:62: E133 .*spec.covers\[0\]: there is no HostingAccount/nothing.example",
    ),
    "no such policy": (
        "customer: anna, covers: [HostingAccount/c.example], dunning: harsh",
        "bad.yaml:2:98: E133 .*no DunningPolicy/harsh",
    ),
    "covered already": (
        "customer: anna, covers: [Domain/anna.example, HostingAccount/anna.example]",
        "bad.yaml:2:61: E148 .*Domain/anna.example and 1 more is paid for by Subscription/anna already, at inventory/a/sold.yaml:2:1",
    ),
}  # fmt: skip
MORE = """\
Customer/cy: {legalName: Cy, country: NL}
Customer/di: {legalName: Di, country: NL, payment: {primary: di-card}}
Customer/ed: {legalName: Ed, country: NL, payment: {collect: invoice, primary: anna-card}}
Customer/fay: {legalName: Fay, country: NL, payment: {collect: invoice, backup: [ours]}}
Customer/gus: {legalName: Gus, country: NL, payment: {collect: invoice, primary: gus-1}}
"""
MORE_METHODS = """\
PaymentMethod/di-card: {customer: di, provider: stripe-main, token: pm_3}
PaymentMethod/ours: {provider: stripe-main, token: pm_4}
PaymentMethod/gus-1: {customer: gus, provider: stripe-main, token: pm_5, purposes: [domain, overage]}
"""
MORE_POLICIES = """\
InvoicePolicy/by-stripe: {collector: stripe-billing}
InvoicePolicy/by-paypal: {collector: paypal-subscription}
DunningPolicy/quiet: {steps: [{after: 0d, do: [{notify: first-failure}]}]}
"""
WRONG = {
    "accounts": ACCOUNTS,
    "plans": PLANS,
    "customers": CUSTOMERS + MORE,
    "z__methods": METHODS + MORE_METHODS,
    "policies": POLICIES + MORE_POLICIES,
    "things": THINGS + "HostingAccount/c.example: {provider: whm-1, plan: small}\n",
}


def test_an_ended_subscription_asks_for_nothing(tmp_path: Path) -> None:
    """Neither a card, nor a place of its own."""
    ended = f"{HEAD}Subscription/x: {{since: 2026-03-01, customer: cy, covers: [HostingAccount/anna.example], state: terminated}}\n"
    assert errors(tmp_path, **WRONG, ended=ended, a__sold=SOLD) == []
    live = ended.replace("terminated", "active")
    said = errors(tmp_path, **WRONG, ended=live, a__sold=SOLD)
    assert [text.split()[1] for text in said] == ["E145"]
    paid = live.replace("customer: cy", "customer: anna")
    said = errors(tmp_path, **WRONG, ended=paid, a__sold=SOLD)
    assert [text.split()[1] for text in said] == ["E148"]


def test_what_another_customer_has_is_worth_a_look(tmp_path: Path) -> None:
    things = THINGS + (
        "Domain/own.example: {provider: none, lifecycle: observe, labels: {customer: anna}}\n"
        "Domain/bos.example: {provider: none, lifecycle: observe, labels: {customer: bo}}\n"
        "Domain/nobodys.example: {provider: none, lifecycle: observe}\n"
    )
    names = "own.example", "bos.example", "nobodys.example"
    covers = ", ".join(f"Domain/{name}" for name in names)
    sold = f"{HEAD}Subscription/x: {{since: 2026-03-01, customer: anna, price: 1.00 EUR/month, covers: [{covers}]}}\n"
    found = loaded(tmp_path, **{**TREE, "things": things}, x=sold)
    (said,) = (str(e) for e in found.warnings if e.shown_code == "W163")
    assert "Subscription/x: Domain/bos.example is of Customer/bo" in said


@pytest.mark.parametrize("name", SAID)
def test_what_cannot_be_is_refused_where_it_was_written(
    tmp_path: Path, name: str
) -> None:
    fields, said = SAID[name]
    sold = SOLD if name == "covered already" else HEAD
    bad = f"{HEAD}Subscription/x: {{since: 2026-03-01, {fields}}}\n"
    found = errors(tmp_path, **WRONG, bad=bad, a__sold=sold)
    assert len(found) == 1, found
    assert re.search(said, found[0]), found[0]
    assert "\n  hint: " in found[0]
