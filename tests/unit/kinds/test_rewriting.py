"""What drifted is written so that it no longer differs; or it is said why not."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.errors import InventoryErrors
from reconciler.inventory.draft import Document, Draft, head
from reconciler.inventory.edit import Place, edited
from reconciler.kinds.domain.domain import Domain
from reconciler.model import Edit, ItemEdit
from tests.support.live import HOST, NOW, REGISTRAR, registrations, zones
from tests.unit.kinds.test_adoption import PATH, REF, refuse, tree, usual

WHERE = (0, "Domain/a.example")


def flow(spec):
    document = Document(REF, "dns", spec, ["the first"])
    return Draft(PATH, head(PATH, ["of the house"]), [document]).text()


def block(spec):
    """The same in block style, with comments in every line."""
    data = {"apiVersion": "reconciler/v1", "Domain/a.example": spec}
    text = yaml.safe_dump(data, default_flow_style=False, sort_keys=False, width=10_000)
    return "".join(f"{line}  # c{n}\n" for n, line in enumerate(text.splitlines()))


def errors(text):
    try:
        tree(text)
    except InventoryErrors as refused:
        return [f"{one.shown_code} {one.what}" for one in refused.errors]
    return []


def differing(want, have):
    return {
        field.field: list(field.before)
        if isinstance(field.before, tuple)
        else field.before
        for change in want.diff(have, NOW)
        if change.merges
        for field in change.fields
    }


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from([flow, block]), registrations(), zones(), registrations(), zones()
)
def test_what_is_written_back_no_longer_differs(form, registered, zone, later, moved):
    spec = Domain.adopted({REGISTRAR: registered, HOST: zone}, usual(), refuse).spec
    text = form(spec)
    want, have = tree(text).get(REF), {REGISTRAR: later, HOST: moved}
    unsaid = set()
    for field, live in differing(want, have).items():
        change = want.rewritten(field, live)
        words = live if isinstance(live, list) else [str(live)]
        if isinstance(change, str) or any(map(refuse, [field, *words])):
            unsaid.add(field)
            continue
        text, (failed,) = edited(text, [Place(WHERE, change)])
        assert failed is None or "\n" in text
        unsaid |= {field} if failed else set()
    wrong = errors(text)
    if wrong:  # a CNAME beside others can be live, and not be declared
        assert all("E125" in line and "CNAME" in line for line in wrong)
        return
    then = tree(text).get(REF)
    assert set(differing(then, have)) <= unsaid
    assert then.spec.renewal.max_price is None


def want(text="", **spec):
    spec = {"provider": "porkbun-main", **spec}
    return Domain.model_validate({"metadata": {"name": "a.example"}, "spec": spec})


@pytest.mark.parametrize(
    ("field", "live", "change"),
    [
        ("spec.transferLock", False, Edit(("transferLock",), value=False)),
        ("spec.renewal.mode", False, Edit(("renewal", "mode"), "manual")),
        ("spec.glue[ns1.a.example]", None, Edit(("glue", "ns1.a.example"), [])),
        ("spec.glue[n.a.b]", ["192.0.2.1"], Edit(("glue", "n.a.b"), ["192.0.2.1"])),
        ("spec.nameservers", ["a.b", "c.d"], Edit(("nameservers",), ["a.b", "c.d"])),
        (
            "spec.dns.records[bücher/A]".replace("bücher", "xn--bcher-kva"),
            ["300", "192.0.2.2"],
            ItemEdit(
                ("dns", "records"),
                {"name": "bücher", "type": "A"},
                {"value": "192.0.2.2"},
                {"value": "192.0.2.2"},
            ),
        ),
        (
            "spec.dns.records[six/AAAA]",
            ["60", "2001:db8::1", "2001:db8::3"],
            ItemEdit(
                ("dns", "records"),
                {"name": "six", "type": "AAAA"},
                {"ttl": "1m", "values": ["2001:DB8::1", "2001:db8::3"]},
                {"ttl": "1m", "values": ["2001:db8::1", "2001:db8::3"]},
            ),
        ),
    ],
)
def test_it_is_written_as_its_author_spelt_it(field, live, change):
    records = [
        {"name": "bücher", "type": "A", "value": "192.0.2.1"},
        {"name": "six", "type": "AAAA", "values": ["2001:DB8::1", "2001:db8::2"]},
    ]
    assert want(dns={"records": records}).rewritten(field, live) == change


@pytest.mark.parametrize(
    ("field", "live", "why"),
    [
        ("spec.renewal.mode", True, "for a person"),
        ("spec.lifecycle", True, "for a person"),
        ("spec.nameservers", ["a.b"], "cannot be declared"),
        ("spec.dns.records[www/A]", ["1000001", "192.0.2.1"], "longer than"),
        ("spec.dns.records[0/25/A]", ["300", "192.0.2.1"], "cannot be declared"),
        ("spec.dnssec", ["1 8 2 AB"], "cannot be declared"),
        ("spec.renewal.maxPrice", "1.00 USD", "cannot be declared"),
    ],
)
def test_what_cannot_be_written_is_said(field, live, why):
    assert why in want().rewritten(field, live)
