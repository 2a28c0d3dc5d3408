"""The comment of a pull request: bounded, in order, and deaf to what others wrote."""

from __future__ import annotations

import re
from itertools import pairwise, product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reconciler.report.detail import Detail, steps
from reconciler.report.markdown import LIMIT, markdown
from reconciler.report.markdown_text import code, link, marker
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

GITHUB_MOST = 65_535
QUICK = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


def titles(text):
    return re.findall(
        r"^(?:#### |<details><summary><b>)([^(<]+) \(", text, re.MULTILINE
    )


def test_the_order_is_what_matters_first():
    text = markdown(rich())
    assert titles(text) == [
        "CRITICAL",
        "Money and deletion",
        "Denied",
        "Waiting for somebody",
        "Will be done",
        "Could not be read",
        "Coming due",
        "Findings",
        "Drift, only reported",
        "Not yet possible",
        "Unmanaged, left alone",
    ]
    lines = text.splitlines()
    assert lines[0] == "<!-- reconciler:plan:main -->"
    assert lines[2] == "### Plan `51be07a1c2d3e4f5`: 451 to do, 4 held, 1 denied"
    assert "against a snapshot of 2026-11-22 03:12 UTC, 2 h old" in lines[4]
    assert "commit `bbbbbbbbbbbb`" in lines[4]
    assert "we pay **21.50 USD**" in text
    assert "**INCOMPLETE**: 5 resources could not be read" in text
    money = text.index("Money and deletion")
    assert money < text.index("`Budget/month`: `80.00 USD are spent`")
    assert text.index("**held** `renew`") < text.index("**to do** `renew`")


def test_the_same_change_is_said_once_and_a_profile_with_its_sites():
    text = markdown(rich())
    assert "`SiteProfile/wp-shop`: 212 sites, 424 actions" in text
    assert text.count("same change on 212 `Domain` at `aws`") == 2
    site = "`Site/novalaw.example` `inventory/clients/novalaw.yaml:5:1`"
    assert f"- {site} → 1 resource; we pay 0.00, clients pay 120.00 EUR\n" in text
    assert f"- {site} → 1 resource; we pay 0.00\n" in text
    assert "`renew` same change on 2 `Domain` at `porkbun-main` · **21.50 USD**" in text
    assert "needs the approval of `billing`" in text
    assert "clients pay **120.00 EUR**" in text
    assert "`reconciler import Provider/aws --kind Domain`" in text


def test_nothing_to_do_still_says_so():
    text = markdown(plan())
    assert "No actions. The YAML says what is live." in text
    assert titles(text) == []
    assert "Left out" not in text


def test_each_step_shows_less_and_the_last_only_counts():
    every = list(steps())
    for more, less in pairwise(every):
        assert all(a >= b for a, b in zip(more, less, strict=True))
        assert more != less
    assert every[-1][3:] == (0,) * len(Detail._fields[3:])


def large(number, name="site"):
    """A plan in which nothing can be grouped."""
    actions = [
        action(
            f"{name}{n}.example",
            changes=[changed(f"spec.dns.records[{n}/TXT]", "a" * 300, f"{n}" * 80)],
            because=f"reason {n} " + "x" * 200,
        )
        for n in range(number)
    ]
    actions += [
        held(renewal(f"{name}-due{n}.example", changes=[changed(after=str(n))]), f"Rule/{n}", "y" * 500, "billing")
        for n in range(number)
    ]  # fmt: skip
    return plan(actions, findings=[finding(f"f{n}.example") for n in range(number)])


@pytest.mark.parametrize("number", [150, 400, 3000])
def test_what_does_not_fit_is_left_out_in_order_and_named(number):
    text = markdown(large(number), "https://ci.example/run/1")
    assert len(text.encode()) <= LIMIT
    assert len(text.encode("utf-16-le")) // 2 < GITHUB_MOST
    assert "_Left out to fit into one comment: " in text
    assert "[the whole plan](<https://ci.example/run/1>)" in text
    # What waits for money outlives what runs by itself.
    waiting = text.count("**held**")
    assert waiting > text.count("**to do**")
    assert f"### Plan `51be07a1c2d3e4f5`: {number:,} to do, {number:,} held" in text


def test_the_bound_holds_for_words_as_long_and_as_wide_as_they_come():
    wide = "\N{PILE OF POO}" * 4000
    made = [
        held(action(f"{wide}{n}", wide, provider=wide, changes=[changed(wide, wide, wide)], because=wide), wide, wide, *[wide] * 9)
        for n in range(60)
    ]  # fmt: skip
    made += [
        action(cost={"amount": "1.00", "currency": "".join(letters)})
        for letters in product("ABCDEFGHIJKLMNOPQRST", repeat=3)
    ]
    found = [finding(wide, "critical", wide)] * 60
    text = markdown(plan(made, findings=found, env=wide * 9, commit=wide))
    assert len(text.encode()) <= LIMIT
    assert "7994 more currencies" in text


def test_a_small_bound_is_kept_too():
    assert len(markdown(large(500), limit=3000).encode()) <= 3000


# ---- what others wrote -------------------------------------------------------------

#: Every text of others in these tests holds this letter, and none of ours does.
SIGN = "ж"
HOSTILE = [
    "@everyone", "#1", "owner/repo#5", "GH-7", "0123456789abcdef0123456789abcdef01234567",
    "![x](https://evil.example/beacon.png)", "[x](javascript:alert(1))",
    "<img src=https://evil.example/x>", "<script>alert(1)</script>", "</details>",
    "<!-- reconciler:plan:main -->", "-->", "`", "``", "```\n```", "`` ` ``", "\\`", "\\",
    "|", "\n\n# owned", "\n- [ ] task", "\r\n", "\u2028", "&lt;b&gt;", "&#64;user",
    "www.evil.example", "https://evil.example", "mail@evil.example", "$x$", "$`x`$",
    "~~x~~", "**x**", "> [!NOTE]", "\u202eevil", "\u200b", "\x00", "\x1b[31m", ":tada:",
    "\t", " ", "  ", "x" * 500,
]  # fmt: skip
WORDS = st.lists(
    st.sampled_from(HOSTILE) | st.text(max_size=12), min_size=0, max_size=5
).map(lambda parts: SIGN.join(["", *parts, ""]))
PARSER = MarkdownIt("commonmark").enable("table")


def outside_of_code(tokens):
    """Yield the text that a CommonMark parser does not take for code."""
    for token in tokens:
        assert token.type not in {"fence", "code_block"}
        if token.type == "html_block":
            yield token.content
        for inner in token.children or ():
            assert inner.type not in {"image", "html_inline"}
            if inner.type != "code_inline":
                yield inner.content
                yield from map(str, inner.attrs.values())


OUR_HTML = re.compile(
    r"<!-- reconciler:plan:[\w.%-]+ -->\n?|</details>\n?"
    r"|<details><summary><b>[A-Za-z, ]+ \([\d,]+\)</b></summary>\n?"
)


@QUICK
@given(st.lists(WORDS, min_size=7, max_size=7), st.integers(0, 5))
def test_no_word_of_others_stands_outside_of_a_code_span(words, times):
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
            one,
            denied({**one, "risk": "destructive"}, b, c),
            *[of_site(held({**one, "name": f"{a}{n}"}, c, d, e, f), f"{g}{n}", a) for n in range(times)],
            held(renewal(b, because=c), d, e, f, g),
        ],
        env=a, commit=b,
        findings=[finding(c, "critical", d, kind=e, source=place), finding(d, "info", e)],
        unknown=[unknown(f, g, a)], unmanaged=[unmanaged(b, c)], deferred=[{**deferred(d), "because": e}],
        drift=[{**drift(f), "wanted": g, "live": a}], due=[due(b, what=c, cost=d, kind=e)],
    )  # fmt: skip
    text = markdown(made, f"https://ci.example/{a}")
    tokens = PARSER.parse(text)
    told = "".join(outside_of_code(tokens)).replace(marker(a), "")
    assert SIGN not in told
    html = "".join(token.content for token in tokens if token.type == "html_block")
    assert OUR_HTML.sub("", html).strip() == ""


@QUICK
@given(st.text() | WORDS)
def test_a_code_span_holds_exactly_what_it_was_given(text):
    shown = code(text, 10_000)
    (paragraph,) = [t for t in PARSER.parse(f"- {shown}") if t.type == "inline"]
    kinds = [child.type for child in paragraph.children]
    if shown == "(nothing)":
        assert kinds == ["text"]
        return
    assert kinds == ["code_inline"]
    plain = text.replace("\r", " ").replace("\n", " ").replace("\t", " ")
    if plain.isprintable():
        assert paragraph.children[0].content.strip() == plain.strip()


@QUICK
@given(st.text(min_size=1) | st.sampled_from(["a--b", "-->", "--", "a-->b<!--", "-"]))
def test_a_marker_is_one_comment_of_its_own(env):
    made = marker(env)
    assert made.startswith("<!-- reconciler:plan:")
    assert made.endswith(" -->")
    assert "--" not in made[4:-3]
    assert ">" not in made[:-1]
    assert marker("a") != marker("A")


def test_markers_differ_where_environments_do():
    names = ["x" * 999, "x" * 998, "main", "a-b", "a--b", "a%2Db", "a b", "a/b", "A-b"]
    assert len({marker(name) for name in names}) == len(names)
    assert marker("main") == "<!-- reconciler:plan:main -->"


@pytest.mark.parametrize(
    ("url", "made"),
    [
        ("https://a.example/x?y=1#z", "[it](<https://a.example/x?y=1#z>)"),
        ("https://a.example/>)[x](y", "[it](<https://a.example/%3E%29%5Bx%5D%28y>)"),
        ("https://a.example/a b\n<", "[it](<https://a.example/a%20b%20%3C>)"),
        ("javascript:alert(1)", ""),
        ("", ""),
    ],
)
def test_a_link_leads_where_it_says_or_is_none(url, made):
    assert link("it", url) == made
