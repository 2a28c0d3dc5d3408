"""Registered domains: the cases that publicsuffix.org publishes, and ours."""

from __future__ import annotations

import pytest

from reconciler.inventory.suffixes import shipped
from reconciler.model.suffix import Suffixes

RULES = Suffixes(["co.uk", "*.ck", "!www.ck", "*.kawasaki.jp", "!city.kawasaki.jp"])


@pytest.mark.parametrize(
    ("name", "registered"),
    [
        ("www.example.com", "example.com"),
        ("new.blog.example.co.uk", "example.co.uk"),
        ("*.blog.example.co.uk", "example.co.uk"),
        ("example.co.uk", "example.co.uk"),
        ("co.uk", "co.uk"),
        ("a.b.c.ck", "b.c.ck"),
        ("www.ck", "www.ck"),
        ("a.www.ck", "www.ck"),
        ("a.b.x.kawasaki.jp", "b.x.kawasaki.jp"),
        ("a.city.kawasaki.jp", "city.kawasaki.jp"),
        ("com", "com"),
    ],
)
def test_the_registered_part(name, registered):
    assert RULES.registered(name) == registered


@pytest.mark.parametrize(
    ("name", "registered"),
    [
        ("a.b.domain.biz", "domain.biz"),
        ("a.b.example.uk.com", "example.uk.com"),
        ("a.b.c.kobe.jp", "b.c.kobe.jp"),
        ("www.city.kobe.jp", "city.kobe.jp"),
        ("a.b.test.k12.ak.us", "test.k12.ak.us"),
        ("www.xn--85x722f.xn--55qx5d.cn", "xn--85x722f.xn--55qx5d.cn"),
        ("shop.somebody.github.io", "somebody.github.io"),
    ],
)
def test_by_the_list_that_is_shipped(name, registered):
    assert shipped().registered(name) == registered
