"""Domain names are stored as A-labels; what looks alike is refused."""

import pytest

from reconciler.model.names import to_ascii


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("example.com", "example.com"),
        ("EXAMPLE.com", "example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("日本語.example", "xn--wgv71a119e.example"),
        ("пример.example", "xn--e1afmkfd.example"),
        ("_dmarc.example.com", "_dmarc.example.com"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
    ],
)
def test_name(name, stored):
    assert to_ascii(name) == stored


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("pаypal.example", "mixes Cyrillic and Latin"),
        ("gооgle.example", "mixes"),
        ("-bad.example", "is no domain name"),
        ("bad-.example", "is no domain name"),
        ("a..example", "is no domain name"),
        ("", "is no domain name"),
        ("a b.example", "is no domain name"),
        ("https://a.example", "is no domain name"),
        ("a" * 64 + ".example", "is no domain name"),
        (".".join(["a" * 60] * 5), "is no domain name"),
        ("a\u200bb.example", "is no domain name"),
        ("☃.example", "is no domain name"),
    ],
)
def test_no_name(name, said):
    with pytest.raises(ValueError, match=said):
        to_ascii(name)
