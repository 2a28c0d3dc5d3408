"""The Observatory's published scores, and the tests of its documentation."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.kinds.certificate.observatory import (
    BONUS_FROM,
    COOKIES,
    CORS,
    CSP,
    FRAMES,
    HSTS,
    REDIRECTION,
    REFERRER,
    SCORES,
    SRI,
    TESTS,
    grade,
    score,
)
from reconciler.providers._csp import judged
from reconciler.providers._observatory import (
    ORIGIN,
    Visit,
    cookies,
    redirected,
    results,
    scripts,
    shared,
    strict,
)
from reconciler.providers._page import read
from reconciler.providers._visit import Step, covered
from reconciler.providers._web import Reply

#: What a site is that earns and loses nothing.
NEUTRAL = {
    test: next(result for result, (points, _) in table.items() if points == 0)
    for test, table in SCORES.items()
}


def reply(status: int = 200, body: str = "", **headers: Any) -> Reply:
    made = {
        name.replace("_", "-"): (value,) if isinstance(value, str) else tuple(value)
        for name, value in headers.items()
    }
    return Reply(status, made, body.encode(), verified=True)


def steps(*urls: str, **last: Any) -> list[Step]:
    made = []
    for url in urls:
        scheme, _, host = url.partition("://")
        made.append(Step(scheme, host, "/", reply(**last)))
    return made


# -- the scores ------------------------------------------------------------------


def test_the_best_that_is_published() -> None:
    best = {t: max(table, key=lambda r: table[r].points) for t, table in SCORES.items()}
    assert score(best) == 145


def test_nothing_is_below_zero() -> None:
    worst = {
        t: min(table, key=lambda r: table[r].points) for t, table in SCORES.items()
    }
    assert score(worst) == 0
    assert grade(score(worst)) == "F"


@pytest.mark.parametrize(
    ("points", "letter"),
    [
        (145, "A+"), (100, "A+"), (99, "A"), (95, "A"), (90, "A"), (89, "A-"),
        (85, "A-"), (84, "B+"), (80, "B+"), (79, "B"), (70, "B"), (69, "B-"),
        (65, "B-"), (64, "C+"), (60, "C+"), (59, "C"), (50, "C"), (49, "C-"),
        (45, "C-"), (44, "D+"), (40, "D+"), (39, "D"), (30, "D"), (29, "D-"),
        (25, "D-"), (24, "F"), (0, "F"),
    ],
)  # fmt: skip
def test_the_published_chart(points: int, letter: str) -> None:
    assert grade(points) == letter


@pytest.mark.parametrize(
    ("changed", "points"),
    [
        ({}, 100),
        ({CSP: "csp-not-implemented"}, 75),
        ({CSP: "csp-not-implemented", HSTS: "hsts-not-implemented"}, 55),
        # Bonuses count from 90 on, and not below.
        ({REFERRER: "referrer-policy-private"}, 105),
        (
            {
                REFERRER: "referrer-policy-private",
                CSP: "csp-implemented-with-unsafe-eval",
            },
            95,
        ),
        (
            {
                REFERRER: "referrer-policy-private",
                HSTS: "hsts-implemented-max-age-less-than-six-months",
                REDIRECTION: "redirection-off-host-from-http",
            },
            85,
        ),
        # A site that was measured in public: CSP, HSTS, nosniff and framing missing.
        (
            {
                CSP: "csp-not-implemented",
                HSTS: "hsts-not-implemented",
                FRAMES: "x-frame-options-not-implemented",
                "x-content-type-options": "x-content-type-options-not-implemented",
            },
            30,
        ),
        (
            {
                COOKIES: "cookies-session-without-secure-flag",
                CORS: "cross-origin-resource-sharing-implemented-with-universal-access",
            },
            10,
        ),
    ],
)
def test_the_published_weights(changed: dict[str, str], points: int) -> None:
    assert score({**NEUTRAL, **changed}) == points


def test_half_a_scan_has_no_score() -> None:
    with pytest.raises(KeyError):
        score({t: r for t, r in NEUTRAL.items() if t != CSP})
    with pytest.raises(KeyError):
        score({**NEUTRAL, CSP: "csp-whatever"})


@given(st.fixed_dictionaries({t: st.sampled_from(sorted(SCORES[t])) for t in TESTS}))
def test_less_is_never_more(chosen: dict[str, str]) -> None:
    """Whoever mends one thing never loses points; bonuses need 90 without them."""
    before = score(chosen)
    for test in TESTS:
        best = max(SCORES[test], key=lambda r: SCORES[test][r].points)
        assert score({**chosen, test: best}) >= before
    if sum(min(SCORES[t][r].points, 0) for t, r in chosen.items()) < BONUS_FROM - 100:
        assert before <= BONUS_FROM


# -- Content-Security-Policy ------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "policies"),
    [
        (
            "csp-header-invalid",
            [
                "  ", "", "default-src 'none'; default-src 'none'", "defa",
                "default-src 'none'; img-src 'self'; default-src 'none'",
                "default-src 'none'; script-src 'strict-dynamic'",
            ],
        ),
        (
            "csp-implemented-with-unsafe-inline",
            [
                "script-src 'unsafe-inline'", "script-src data:", "script-src http:",
                "script-src ftp:", "default-src 'unsafe-inline'",
                "default-src 'UNSAFE-INLINE'", "upgrade-insecure-requests",
                "script-src 'none'", "script-src https:",
                "script-src https://static.example https:",
                "default-src https://static.example https:",
                "default-src 'none'; script-src *",
                "default-src 'none'; script-src https://*",
                "default-src *; script-src *; object-src 'none'",
                "default-src 'none'; script-src 'none'; object-src *",
                "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'",
                "object-src https:; script-src 'none'",
            ],
        ),
        (
            "csp-implemented-with-insecure-scheme",
            [
                "default-src http://static.example",
                "default-src 'none'; script-src http://static.example",
                "default-src 'none'; script-src ftp://static.example",
            ],
        ),
        (
            "csp-implemented-with-insecure-scheme-in-passive-content-only",
            [
                "default-src 'none'; img-src http://static.example",
                "default-src 'self'; img-src ftp:",
                "default-src 'none'; img-src https:; media-src http://static.example",
                ("default-src 'none'; img-src 'none'; media-src http:; "
                "script-src 'self'; style-src 'unsafe-inline'"),
            ],
        ),
        (
            "csp-implemented-with-unsafe-eval",
            ["default-src 'none'; script-src 'unsafe-eval'"],
        ),
        (
            "csp-implemented-with-unsafe-inline-in-style-src-only",
            [
                "object-src 'none'; script-src 'none'; style-src 'unsafe-inline'",
                "default-src 'unsafe-inline'; script-src https://static.example",
                "default-src 'none';;; ;;;style-src 'self' 'unsafe-inline'",
                "default-src 'none'; style-src data:",
                "default-src 'none'; style-src *",
                ("default-src 'none'; style-src 'unsafe-inline'; script-src "
                "'sha256-c3VyZmFjZSBvZiBhIG5hbWUsIHNjb3JlZCBhbmV3Li4=' "
                "'unsafe-inline'"),
            ],
        ),
        (
            "csp-implemented-with-no-unsafe",
            [
                "default-src https://static.example",
                "default-src https://static.example;;; ;;;script-src 'none'",
                ("object-src 'none'; script-src 'strict-dynamic' 'nonce-9f27' "
                "'unsafe-inline'; style-src 'none'"),
                ("object-src 'none'; script-src 'unsafe-inline' 'nonce-9f27'; "
                "style-src 'none'"),
                "default-src https://static.example; style-src 'unsafe-inline' 'nonce-a'",
            ],
        ),
        (
            "csp-implemented-with-no-unsafe-default-src-none",
            [
                "default-src",
                ("default-src 'none'; script-src 'strict-dynamic' 'nonce-9f27' "
                "'unsafe-inline'"),
                "default-src 'none'; script-src 'strict-dynamic' 'sha256-a' https://*",
                "default-src 'none'; object-src https://static.example",
                # Two policies, of which both hold, leave nothing.
                "default-src http:, default-src https:",
                "default-src 'none', default-src https:",
            ],
        ),
        (
            "csp-implemented-but-duplicate-directives",
            ["default-src 'none'; report-uri /a; report-uri /b"],
        ),
    ],
)  # fmt: skip
def test_the_published_cases_of_policies(result: str, policies: list[str]) -> None:
    for policy in policies:
        assert judged([policy], [], reports=False).result == result, policy


def test_a_policy_can_stand_in_the_page_but_not_who_may_frame_it() -> None:
    none = "csp-implemented-with-no-unsafe-default-src-none"
    assert judged([], ["default-src 'none'"], reports=False).result == none
    assert judged(["img-src 'none'"], ["default-src 'none'"], reports=False)[0] == none
    only = judged([], ["frame-ancestors 'none'"], reports=False)
    assert only == ("csp-not-implemented", False)
    assert judged(["frame-ancestors 'none'; default-src *"], [], reports=False).framed
    only_reports = judged([], [], reports=True).result
    assert only_reports == "csp-not-implemented-but-reporting-enabled"


# -- cookies -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "hsts", "set_cookie"),
    [
        ("cookies-not-found", True, []),
        ("cookies-not-found", True, ["heroku-session-affinity=1; Path=/"]),
        (
            "cookies-secure-with-httponly-sessions",
            False,
            ["SESSION=1; Path=/; Secure; HttpOnly", "theme=dark; Secure; Path=/"],
        ),
        (
            "cookies-secure-with-httponly-sessions-and-samesite",
            False,
            [
                "session_a=1; Secure; HttpOnly; SameSite=Strict",
                "session_b=1; Secure; HttpOnly; SameSite=None",
            ],
        ),
        (
            "cookies-anticsrf-without-samesite-flag",
            False,
            ["xcsrf=1; Secure; HttpOnly"],
        ),
        ("cookies-samesite-flag-invalid", False, ["S=b; Secure; HttpOnly; SameSite="]),
        ("cookies-samesite-flag-invalid", False, ["S=b; Secure; SameSite=True"]),
        ("cookies-without-secure-flag-but-protected-by-hsts", True, ["theme=dark"]),
        (
            "cookies-session-without-secure-flag-but-protected-by-hsts",
            True,
            ["SESSION=1; HttpOnly"],
        ),
        ("cookies-without-secure-flag", False, ["theme=dark"]),
        ("cookies-session-without-httponly-flag", False, ["SESSION=1; Secure"]),
        ("cookies-session-without-secure-flag", False, ["SESSION=1; HttpOnly"]),
        ("cookies-session-without-secure-flag", False, ["SESSION=1"]),
    ],
)
def test_the_published_cases_of_cookies(
    result: str, hsts: bool, set_cookie: list[str]
) -> None:
    visit = steps("https://static.example", set_cookie=set_cookie)
    assert cookies(visit, hsts=hsts) == result


# -- the others ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "urls"),
    [
        ("redirection-not-needed-no-http", []),
        ("redirection-missing", ["http://a.example"]),
        ("redirection-not-to-https", ["http://a.example", "http://www.a.example"]),
        ("redirection-to-https", ["http://a.example", "https://a.example"]),
        (
            "redirection-not-to-https-on-initial-redirection",
            ["http://a.example", "http://www.a.example", "https://www.a.example"],
        ),
        (
            "redirection-off-host-from-http",
            ["http://a.example", "https://www.a.example"],
        ),
    ],
)
def test_the_published_cases_of_redirects(result: str, urls: list[str]) -> None:
    assert redirected(steps(*urls)) == result


@pytest.mark.parametrize(
    ("result", "header"),
    [
        ("hsts-implemented-max-age-at-least-six-months", "max-age=15768000"),
        ("hsts-implemented-max-age-at-least-six-months", 'max-age="15552000"; preload'),
        ("hsts-implemented-max-age-less-than-six-months", "max-age=86400"),
        ("hsts-implemented-max-age-less-than-six-months", "max-age=0"),
        ("hsts-header-invalid", "includeSubDomains; preload"),
        ("hsts-header-invalid", "max-age=15768000, max-age=15768000"),
        ("hsts-header-invalid", "max-age=forever"),
        ("hsts-header-invalid", ""),
    ],
)
def test_hsts(result: str, header: str) -> None:
    page = reply(strict_transport_security=header)
    assert strict(page) == result
    assert strict(page._replace(verified=False)) == "hsts-invalid-cert"
    assert strict(reply()) == "hsts-not-implemented"


SCRIPT = "<html><script {}></script></html>"
HASH = "integrity=sha384-AAAA crossorigin=anonymous"


@pytest.mark.parametrize(
    ("result", "html", "https"),
    [
        ("not-implemented-but-no-scripts-loaded", "<p>nothing</p>", True),
        (
            "not-implemented-but-all-scripts-loaded-from-secure-origin",
            SCRIPT.format("src=/a.js"),
            True,
        ),
        (
            "not-implemented-but-all-scripts-loaded-from-secure-origin",
            SCRIPT.format("src=https://cdn.site.example/a.js"),
            True,
        ),
        (
            "implemented-and-all-scripts-loaded-securely",
            SCRIPT.format(f"src=/a.js {HASH}"),
            True,
        ),
        (
            "implemented-and-external-scripts-loaded-securely",
            SCRIPT.format(f"src=https://other.example/a.js {HASH}"),
            True,
        ),
        (
            "not-implemented-but-external-scripts-loaded-securely",
            SCRIPT.format("src=https://other.example/a.js"),
            True,
        ),
        (
            "implemented-but-external-scripts-not-loaded-securely",
            SCRIPT.format(f"src=http://other.example/a.js {HASH}"),
            True,
        ),
        (
            "not-implemented-and-external-scripts-not-loaded-securely",
            SCRIPT.format("src=http://other.example/a.js"),
            True,
        ),
        (
            "not-implemented-but-external-scripts-loaded-securely",
            SCRIPT.format("src=//other.example/a.js"),
            True,
        ),
        (
            "not-implemented-and-external-scripts-not-loaded-securely",
            SCRIPT.format("src=//other.example/a.js"),
            False,
        ),
    ],
)
def test_the_published_cases_of_scripts(result: str, html: str, https: bool) -> None:
    assert scripts(read(html), "www.site.example", https=https) == f"sri-{result}"


@pytest.mark.parametrize(
    ("result", "headers"),
    [
        ("not-implemented", {}),
        ("implemented-with-public-access", {"access_control_allow_origin": "*"}),
        (
            "implemented-with-restricted-access",
            {"access_control_allow_origin": "https://partner.example"},
        ),
        ("implemented-with-restricted-access", {"access_control_allow_origin": ORIGIN}),
        (
            "implemented-with-universal-access",
            {
                "access_control_allow_origin": ORIGIN,
                "access_control_allow_credentials": "true",
            },
        ),
    ],
)
def test_the_published_cases_of_cors(result: str, headers: dict[str, str]) -> None:
    assert shared(reply(**headers)) == f"cross-origin-resource-sharing-{result}"


@pytest.mark.parametrize(
    ("test", "result", "headers"),
    [
        (FRAMES, "x-frame-options-not-implemented", {}),
        (FRAMES, "x-frame-options-header-invalid", {"x_frame_options": "whimsy"}),
        (
            FRAMES,
            "x-frame-options-header-invalid",
            {"x_frame_options": "SAMEORIGIN, SAMEORIGIN"},
        ),
        (
            FRAMES,
            "x-frame-options-allow-from-origin",
            {"x_frame_options": "ALLOW-FROM https://static.example"},
        ),
        (FRAMES, "x-frame-options-sameorigin-or-deny", {"x_frame_options": "DENY "}),
        (
            FRAMES,
            "x-frame-options-implemented-via-csp",
            {
                "x_frame_options": "DENY",
                "content_security_policy": "frame-ancestors https://static.example",
            },
        ),
        (REFERRER, "referrer-policy-not-implemented", {}),
        (REFERRER, "referrer-policy-private", {"referrer_policy": "no-referrer"}),
        (
            REFERRER,
            "referrer-policy-private",
            {"referrer_policy": "unsafe-url, whatever, strict-origin"},
        ),
        (REFERRER, "referrer-policy-unsafe", {"referrer_policy": "unsafe-url"}),
        (REFERRER, "referrer-policy-header-invalid", {"referrer_policy": "whimsy"}),
        (SRI, "sri-not-implemented-response-not-html", {"content_type": "text/plain"}),
    ],
)
def test_the_other_published_cases(
    test: str, result: str, headers: dict[str, str]
) -> None:
    assert _results(reply(**headers))[test] == result


def _results(page: Reply) -> dict[str, str]:
    own = Step("https", "site.example", "/", page)
    return results(
        Visit([Step("http", "site.example", "/", reply(301)), own], [own], page)
    )


@given(
    st.dictionaries(
        st.sampled_from(
            ["content-security-policy", "set-cookie", "strict-transport-security",
             "x-frame-options", "referrer-policy", "access-control-allow-origin",
             "content-type", "cross-origin-resource-policy"]
        ),
        st.lists(st.text(max_size=60), max_size=3).map(tuple),
    ),
    st.binary(max_size=200),
)  # fmt: skip
def test_whatever_is_sent_every_test_has_a_published_result(
    headers: dict[str, tuple[str, ...]], body: bytes
) -> None:
    found = _results(Reply(200, headers, body, verified=True))
    assert set(found) == set(TESTS)
    assert all(result in SCORES[test] for test, result in found.items())


@pytest.mark.parametrize(
    ("host", "own", "is_so"),
    [
        ("a.example", ["a.example"], True),
        ("www.a.example", ["a.example"], True),
        ("a.example", ["www.a.example"], True),
        ("x.a.example", ["*.a.example"], True),
        ("x.y.a.example", ["*.a.example"], False),
        ("a.example.evil.test", ["a.example"], False),
        ("b.example", ["a.example"], False),
        ("127.0.0.1", ["a.example"], False),
    ],
)
def test_whose_names_are_visited(host: str, own: list[str], is_so: bool) -> None:
    assert covered(host, own) is is_so
