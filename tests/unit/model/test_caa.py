"""What CAA records allow, case by case (RFC 8659, RFC 8657)."""

import pytest

from reconciler.model.caa import Asked, entries, forbids, remedy

LE = frozenset({"letsencrypt.org"})
GOOGLE = frozenset({"pki.goog"})
URI = "https://acme.example/acct/1"


def no(rows, authority=LE, **more):
    return forbids(entries(rows), Asked(authority, **more))


@pytest.mark.parametrize(
    ("rows", "wild", "why"),
    [
        ([], False, None),
        (['0 issue "letsencrypt.org"'], False, None),
        (['0 issue "letsencrypt.org"'], True, None),
        (['0 issue "LetsEncrypt.ORG"'], False, None),
        (["0 ISSUE letsencrypt.org"], False, None),
        (['0 issue " letsencrypt.org ; x=y"'], False, None),
        (['0 issue "pki.goog"'], False, "they allow only pki.goog"),
        (
            ['0 issue "pki.goog"', '0 issue "ca.example"'],
            False,
            "they allow only ca.example, pki.goog",
        ),
        (['0 issue "pki.goog"', '0 issue "letsencrypt.org"'], False, None),
        (['0 issue ";"'], False, "they allow nobody"),
        (['0 issue ""'], False, "they allow nobody"),
        # A wildcard's own records replace the others; a name's do not see them.
        (['0 issue "letsencrypt.org"', '0 issuewild ";"'], True, "they allow nobody"),
        (['0 issue "letsencrypt.org"', '0 issuewild ";"'], False, None),
        (['0 issue ";"', '0 issuewild "letsencrypt.org"'], True, None),
        (['0 issue ";"', '0 issuewild "letsencrypt.org"'], False, "they allow nobody"),
        (['0 issuewild "pki.goog"'], False, None),
        # What does not restrict.
        (['0 iodef "mailto:a@b.example"'], False, None),
        (['128 iodef "mailto:a@b.example"'], False, None),
        (['0 tbs "unknown"'], False, None),
        (["what is this"], False, None),
        (
            ['128 tbs "unknown"', '0 issue "letsencrypt.org"'],
            False,
            "a critical property tbs that no authority knows",
        ),
    ],
)
def test_who_may(rows, wild, why):
    assert no(rows, wild=wild) == why


@pytest.mark.parametrize(
    ("given", "method", "account", "why"),
    [
        ("validationmethods=dns-01", "dns-01", None, None),
        ("validationmethods=http-01,dns-01", "dns-01", None, None),
        ("validationmethods=http-01", "dns-01", None, "it is allowed only by http-01"),
        ("validationmethods=http-01", None, None, None),
        (f"accounturi={URI}", "dns-01", URI, None),
        (f"accounturi={URI}", "dns-01", None, None),
        (
            f"accounturi={URI}",
            "dns-01",
            f"{URI}0",
            f"it is allowed only for the account {URI}",
        ),
        (
            f"accounturi={URI}; accounturi={URI}",
            "dns-01",
            URI,
            "it is allowed only for two accounts at once, which none is",
        ),
        (f"accounturi={URI}; validationmethods=dns-01", "dns-01", URI, None),
    ],
)
def test_on_what_conditions(given, method, account, why):
    rows = [f'0 issue "letsencrypt.org; {given}"']
    assert no(rows, method=method, account=account) == why


def test_one_record_of_several_is_enough():
    rows = [
        '0 issue "letsencrypt.org; validationmethods=http-01"',
        '0 issue "letsencrypt.org; validationmethods=dns-01"',
    ]
    assert no(rows, method="dns-01") is None


@pytest.mark.parametrize(
    ("rows", "wild", "record"),
    [
        (['0 issue "pki.goog"'], False, 'CAA 0 issue "letsencrypt.org"'),
        (['0 issue "pki.goog"'], True, 'CAA 0 issue "letsencrypt.org"'),
        (
            ['0 issue "letsencrypt.org"', '0 issuewild ";"'],
            True,
            'CAA 0 issuewild "letsencrypt.org"',
        ),
    ],
)
def test_the_record_that_mends_it(rows, wild, record):
    asked = Asked(LE, wild=wild)
    assert remedy(entries(rows), asked) == record
    mended = [*rows, record.removeprefix("CAA ")]
    assert no(mended, wild=wild) is None
