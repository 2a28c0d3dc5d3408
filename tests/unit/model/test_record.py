"""Every equal record value has one spelling; what is ambiguous is refused."""

import pytest
from pydantic import ValidationError

from reconciler.model.record import Record, canonical


@pytest.mark.parametrize(
    ("rtype", "written", "stored"),
    [
        ("A", " 192.0.2.1 ", "192.0.2.1"),
        ("AAAA", "2001:DB8:0:0::1", "2001:db8::1"),
        ("CNAME", "WWW.Example.", "www.example."),
        ("CNAME", "bücher.example.", "xn--bcher-kva.example."),
        ("MX", "010  MX1.mail.example.", "10 mx1.mail.example."),
        ("MX", "0 .", "0 ."),
        ("SRV", "10 20 5060 sip.example.", "10 20 5060 sip.example."),
        ("CAA", '0 issue "letsencrypt.org"', '0 issue "letsencrypt.org"'),
        ("CAA", "0 ISSUE letsencrypt.org", '0 issue "letsencrypt.org"'),
        ("CAA", '0 issuewild ";"', '0 issuewild ";"'),
        ("TXT", 'v=DKIM1; k=rsa; p="x"', 'v=DKIM1; k=rsa; p="x"'),
        ("DS", "12345 13 2 AABB", "12345 13 2 aabb"),
    ],
)
def test_canonical(rtype, written, stored):
    assert canonical(rtype, written) == stored
    assert canonical(rtype, stored) == stored


@pytest.mark.parametrize(
    ("rtype", "written"),
    [
        ("A", "192.0.2"),
        ("A", "2001:db8::1"),
        ("AAAA", "192.0.2.1"),
        ("CNAME", "www.example"),
        ("MX", "mx1.mail.example."),
        ("MX", "10 mx1.mail.example"),
        ("MX", "99999 mx1.mail.example."),
        ("CAA", "issue letsencrypt.org"),
        ("SRV", "1 2 3 4 sip.example."),
        ("TXT", "two\nlines"),
    ],
)
def test_no_such_value(rtype, written):
    with pytest.raises(ValueError):
        canonical(rtype, written)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"type": "A"}, "write either value or values"),
        (
            {"type": "A", "value": "192.0.2.1", "values": ["192.0.2.2"]},
            "write either value or values",
        ),
        ({"type": "CNAME", "values": ["a.b.", "c.d."]}, "exactly one value"),
        ({"name": "@", "type": "NS", "value": "ns1.a.example."}, "nameservers"),
        ({"name": "@", "type": "CNAME", "value": "a.example."}, "no zone apex"),
        ({"name": "bad name", "type": "A", "value": "192.0.2.1"}, "no domain name"),
    ],
)
def test_no_record(fields, said):
    with pytest.raises(ValidationError, match=said):
        Record.model_validate({"name": "www", **fields})


def test_values_are_a_set():
    record = Record(name="@", type="A", values=("192.0.2.2", "192.0.2.1", "192.0.2.2"))
    assert record.canonical() == ("192.0.2.1", "192.0.2.2")
