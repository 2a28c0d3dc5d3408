"""Advice about declared records."""

from __future__ import annotations

import pytest

from reconciler.providers._hygiene import lint
from tests.support.dns import domain

MX = {"name": "@", "type": "MX", "values": ["10 a.mx.example.", "20 b.mx.example."]}
SPF = {"name": "@", "type": "TXT", "value": 'v=spf1 include:"x" -all'}
DMARC = {"name": "_dmarc", "type": "TXT", "value": "v=DMARC1; p=reject"}
CNAMES = [
    {"name": "a", "type": "CNAME", "value": "b.shop.example."},
    {"name": "b", "type": "CNAME", "value": "a.shop.example."},
]


def codes(*records):
    return sorted(
        {advice.code for advice in lint(domain("shop.example", "p", records))}
    )


def test_sound_mail_needs_no_advice():
    assert codes(MX, SPF, DMARC) == []


def test_no_records_no_advice():
    assert codes() == []


@pytest.mark.parametrize("missing", [SPF, DMARC])
def test_mail_without_its_protection(missing):
    assert codes(*(r for r in (MX, SPF, DMARC) if r is not missing)) == ["dns-mail"]


def test_targets_and_loops():
    assert "dns-no-cname-loop" in codes(*CNAMES)
    mail = {"name": "@", "type": "MX", "values": ["10 a.shop.example.", "5 x.example."]}
    assert "dns-mx-target-not-cname" in codes(mail, *CNAMES)


def test_the_message_names_what_is_wrong():
    (advice,) = lint(domain("shop.example", "p", [MX, SPF]))
    assert advice.message == (
        'zone "shop.example." handles mail but is missing a DMARC TXT record at _dmarc'
    )
