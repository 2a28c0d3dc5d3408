"""The page without a browser: whole, self-contained, and deaf to what others wrote."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.report.changed_text import compared
from reconciler.report.html import html
from reconciler.report.visible import visible
from tests.support.plans import (
    action,
    changed,
    deferred,
    denied,
    drift,
    due,
    finding,
    held,
    of_site,
    plan,
    renewal,
    rich,
    unknown,
    unmanaged,
)


class Parsed(HTMLParser):
    """Every tag with its attributes, and the text that is shown."""

    VOID = {"meta", "input"}

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.open, self.scripts, self.styles = [], [], [], []
        self.comments, self.words = [], []
        self.feed(text)
        self.close()
        assert self.open == []
        self.text = " ".join("".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        kept = {"script": self.scripts, "style": self.styles}
        kept.get(self.open[-1] if self.open else "", self.words).append(data)

    def handle_comment(self, data):
        self.comments.append(data)


def test_it_loads_nothing_and_runs_nothing_but_its_own():
    page = html(rich())
    parsed = Parsed(page)
    links = [a["href"] for _, a in parsed.tags if "href" in a]
    ids = {a["id"] for _, a in parsed.tags if "id" in a}
    assert links
    assert all(link[0] == "#" and link[1:] in ids for link in links)
    loading = {"src", "srcset", "action", "formaction", "data", "poster", "style"}
    assert [a for _, a in parsed.tags if loading & set(a)] == []
    assert [a for _, a in parsed.tags if any(key.startswith("on") for key in a)] == []
    (policy,) = [
        a["content"]
        for _, a in parsed.tags
        if a.get("http-equiv") == "Content-Security-Policy"
    ]
    hashes = re.findall(r"'(sha256-[^']+)'", policy)
    (style,) = parsed.styles
    script = parsed.scripts[-1]
    assert hashes == [hashed(style), hashed(script)]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "url(" not in style
    assert "@import" not in style


def hashed(text):
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def test_everything_can_be_read_without_a_script():
    made = rich()
    text = Parsed(html(made)).text
    for one in made["actions"]:
        assert f"{one['kind']}/{one['name']}" in text
        assert one["digest"] in text
    for said in (
        "451 to do, 4 held, 1 denied",
        "against a snapshot of 2026-11-22 03:12 UTC, 2 h old",
        "5 resources could not be read",
        "21.50 USD we pay for what is to do",
        "the registrar lists other nameservers",
        "ns1.old.example.",
        "Budget/month 80.00 USD are spent",
        "Needs the approval of billing",
        "inventory/clients/novalaw.yaml:5:1: 2 resources, clients pay 120.00 EUR",
        "ceiling 15.00 USD",
        "cannot be undone",
        "expired on 2026-11-20; it can still be renewed",
        "Domain/d39.example renews (registrar)",
        "PaymentMethod/corp-visa ends; funds 211 domains",
        "reconciler import Provider/aws --kind Domain",
        "reconciler apply --approve 51be07a1c2d3e4f5 --approved-plan plan.json",
        "not before 2026-12-05",
        "401 Unauthorized",
    ):
        assert said in text, said


def test_the_same_plan_is_the_same_page():
    assert html(rich()) == html(json.loads(json.dumps(rich())))


def test_an_empty_plan_is_a_page_too():
    parsed = Parsed(html(plan()))
    assert "No actions. The YAML says what is live." in parsed.text
    assert parsed.scripts == []
    later = Parsed(html(plan(due=[due()], unknown=[unknown()])))
    assert "No actions from what could be read" in later.text
    assert [tag for tag, _ in later.tags if tag == "rect"]


def test_a_thousand_actions_are_less_than_a_megabyte():
    many = [
        action(f"name{n}.example", changes=[changed(after=f"v{n}")])
        for n in range(1000)
    ]
    base = len(html(plan()).encode())
    assert len(html(plan(many)).encode()) - base < 900 * 1000


def test_structure_is_what_a_screen_reader_needs():
    parsed = Parsed(html(rich()))
    names = [tag for tag, _ in parsed.tags]
    for landmark in ("header", "nav", "main", "footer"):
        assert names.count(landmark) == 1
    assert names.count("h1") == 1
    levels = [int(tag[1]) for tag in names if re.fullmatch("h[1-6]", tag)]
    assert all(b - a <= 1 for a, b in pairwise(levels))
    assert names.count("caption") >= 4
    labelled = [a for tag, a in parsed.tags if tag in {"section", "nav", "dialog"}]
    assert all({"aria-label", "aria-labelledby"} & set(a) for a in labelled)
    ids = {a["id"] for _, a in parsed.tags if "id" in a}
    assert {
        a["aria-labelledby"] for _, a in parsed.tags if "aria-labelledby" in a
    } <= ids
    assert ("html", {"lang": "en"}) in parsed.tags
    live = [a for _, a in parsed.tags if a.get("aria-live") == "polite"]
    assert [a["role"] for a in live] == ["status", "status"]


# ---- what others wrote -------------------------------------------------------------

SIGN = "ж"
HOSTILE = [
    "<script>owned()</script>", "</script><script>owned()</script>", "<!--r-->",
    "<!--g-->", "<!--/g-->", "</noscript><img src=x onerror=owned()>", '" onclick="owned()',
    "' autofocus onfocus='owned()", '<tbody class="a">', "]]>", "{{ 7*7 }}", "{% raw %}",
    "javascript:owned()", "&lt;b&gt;", "&#60;", "\\u003cscript>", "\u202e", "\x00", "\x1b[2J",
    "\u2028", "</title><base href=//evil.example>", "</style>", "<svg onload=owned()>", "`",
]  # fmt: skip
WORDS = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=8), max_size=4).map(
    lambda parts: SIGN.join(["", *parts, ""])
)


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(WORDS, min_size=7, max_size=7))
def test_no_word_of_others_is_markup(words):
    a, b, c, d, e, f, g = words
    place = {"file": f, "line": 1, "column": 1}
    one = action(
        a,
        b,
        kind=c,
        provider=d,
        because=e,
        source=place,
        changes=[changed(f, g, [a, b])],
    )
    made = plan(
        [
            one, denied({**one, "risk": "destructive"}, b, c),
            *[of_site(held({**one, "name": f"{a}{n}"}, c, d, e, f), f"{g}{n}", a) for n in range(5)],
            held(renewal(b, because=c), d, e, f, g),
        ],
        env=a, commit=b,
        findings=[finding(c, "critical", d, kind=e, source=place), finding(d, "info", e)],
        unknown=[unknown(f, g, a)], unmanaged=[unmanaged(b, c)], deferred=[{**deferred(d), "because": e}],
        drift=[{**drift(f), "wanted": g, "live": a}], due=[due(b, what=c, cost="1.00 EUR", kind=e)],
    )  # fmt: skip
    parsed = Parsed(html(made))
    told = {tag for tag, _ in parsed.tags}
    assert told <= KNOWN, told - KNOWN
    for tag, attributes in parsed.tags:
        assert not any(SIGN in key for key in attributes)
        spoken = [k for k, v in attributes.items() if v and SIGN in v]
        assert set(spoken) <= {"data-copy"}, (tag, spoken)
    assert set(parsed.comments) <= {"g", "/g", "r"}
    assert parsed.comments.count("r") == len(made["actions"]) + 1
    assert SIGN not in "".join(parsed.styles) + parsed.scripts[-1]
    assert " ".join(visible(e).split()) in parsed.text
    index = json.loads(parsed.scripts[0])
    assert len(index["rows"]) == len(made["actions"])


KNOWN = {tag for tag, _ in Parsed(html(rich())).tags} | {"svg", "rect", "line", "text"}


@pytest.mark.parametrize(
    ("before", "after", "old", "new"),
    [
        ("192.0.2.1", "192.0.2.9", "<del>192.0.2.<b>1</b></del>", "<ins>192.0.2.<b>9</b></ins>"),
        ("2026-12-12", "2027-12-12", "<del><b>2026</b>-12-12</del>", "<ins><b>2027</b>-12-12</ins>"),
        (None, "x", '<span class="none">(none)</span>', "<ins><b>x</b></ins>"),
        (True, False, "<del><b>on</b></del>", "<ins><b>off</b></ins>"),
        ("a", "a", "<del>a</del>", "<ins>a</ins>"),
        ("ab", "ab ab", "<del>ab</del>", "<ins>ab<b> ab</b></ins>"),
        ("", "<b>", "<del></del>", "<ins><b>&lt;b&gt;</b></ins>"),
        (
            ["a.", "b."], ["b.", "c."],
            '<span class="line"><del><b>a.</b></del></span><span class="line">b.</span>',
            '<span class="line">b.</span><span class="line"><ins><b>c.</b></ins></span>',
        ),
    ],
)  # fmt: skip
def test_what_differs_is_marked(before, after, old, new):
    row = compared(changed("spec.x", before, after))
    assert row == ("x", old, new)


@given(st.text(), st.text())
def test_marks_lose_and_add_nothing(before, after):
    row = compared(changed("spec.x", before, after))
    for shown, given_ in ((row.before, before), (row.after, after)):
        assert "".join(Parsed(str(shown)).words) == visible(given_)
