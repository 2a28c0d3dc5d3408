"""What anyone can see of a name: each check fires, and does not where all is well."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Literal

import pytest

from reconciler.kinds.certificate import SURFACE, Certificate, SurfaceState
from reconciler.model import Account, Unknown
from reconciler.providers.public_surface import PublicSurface
from reconciler.sandbox import Sandbox, World
from tests.support.contract import NOW
from tests.support.public import asked, part, public, running, trouble, zone
from tests.support.witness_contract import WitnessContract

#: What a hostile server would like to see on somebody's terminal.
EVIL = "\x1b]0;owned\x07\x1b[31m"
SECRET = "hunter2"
TXT = "/.well-known/security.txt"
CA = "Let's Encrypt"


def serves(*names: str, **more: Any) -> dict[str, Any]:
    return {"names": list(names), "days": 60, **more}


def at(address: str, **records: list[str]) -> dict[str, Any]:
    return zone(**{"@/A": [address], "@/AAAA": [], **records})


#: Name -> what its site says; all else of it is sound.
SITES: dict[str, dict[str, Any]] = {
    "sound.example": {},
    "plain.example": {"http": "plain"},
    "nohttp.example": {"http": "none"},
    "away.example": {"location": "https://other.example/", "http": "https://x.test/"},
    "broken.example": {"status": 503},
    "empty.example": {
        "headers": {
            "Strict-Transport-Security": None,
            "Content-Security-Policy": None,
            "X-Content-Type-Options": None,
            "Referrer-Policy": "unsafe-url",
            "Set-Cookie": ["PHPSESSID=1; path=/", "csrftoken=2"],
            "Access-Control-Allow-Origin": "reflected",
            "Access-Control-Allow-Credentials": "true",
            "Cross-Origin-Resource-Policy": "whatever",
        },
        "body": "<script src=//cdn.other.example/x.js></script>",
        "http": "plain",
    },
    "leaky.example": {
        "files": {
            ".env": f"APP_KEY={SECRET}\n",
            ".git/config": "[core]\n\tbare = false\n",
            "wp-config.php.bak": "<?php define('DB_PASSWORD', 'x');",
            "phpinfo.php": "<title>PHP 8.2 - phpinfo()</title>",
            "server-status": "<h1>Apache Server Status for leaky</h1>",
        }
    },
    "echo.example": {"everything": True, "files": {TXT: None}},
    "notxt.example": {"files": {TXT: "Contact: http://x\n"}},
    "oldtxt.example": {
        "files": {TXT: "Contact: mailto:a@b.example\nExpires: 2026-11-21T00:00:00Z\n"}
    },
    "soontxt.example": {
        "files": {TXT: "Contact: mailto:a@b.example\nExpires: 2026-12-01T00:00:00Z\n"}
    },
    "evil.example": {
        "raw": {
            "/": "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
            f"X-Frame-Options: {EVIL}\r\nReferrer-Policy: {EVIL}\r\n"
            f"Strict-Transport-Security: {EVIL}\r\nSet-Cookie: sess{EVIL}=1\r\n"
            f"Content-Security-Policy: {EVIL}; {EVIL}\r\n\r\n<script src='{EVIL}'>"
        },
        "files": {TXT: f"Contact: {EVIL}\nExpires: {EVIL}\n", ".env": f"A={EVIL}\n"},
    },
    "rubbish.example": {"raw": {"/": "no HTTP at all\r\n\r\n"}},
    "mute.example": {"mute": ["/"]},
    "half.example": {
        "raw": {"/": "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n<title>"}
    },
}
CERTIFICATES: dict[str, dict[str, Any]] = {
    "old.example": {"versions": ["1.0", "1.2"]},
    "weak.example": {"bits": 1024},
    "long.example": {"lives": 300},
    "forbidden.example": {"issuer": CA},
    "allowed.example": {"issuer": CA},
    "stranger.example": {"trusted": False},
}
CAA = {
    "forbidden.example": ['0 issue "other.example"'],
    "allowed.example": ['0 issue "letsencrypt.org; validationmethods=dns-01"'],
}
SIGNED = {
    "well.example": "well",
    "expired.example": "expired",
    "late.example": "late",
    "forged.example": "forged",
    "bare.example": "bare",
}
NAMES = [*SITES, *CERTIFICATES, *SIGNED]
ADDRESS = {name: f"192.0.2.{n}" for n, name in enumerate(NAMES, 1)}
WORLD = part(
    {name: {"expires": 100} for name in [*NAMES, "none.example", "closed.example"]},
    {
        **{
            name: at(address, **({"@/CAA": CAA[name]} if name in CAA else {}))
            for name, address in ADDRESS.items()
        },
        "none.example": zone(**{"@/A": [], "@/AAAA": []}),
        "closed.example": at("192.0.2.250"),
    },
    certificates={
        address: [serves(name, **CERTIFICATES.get(name, {}))]
        for name, address in ADDRESS.items()
    },
    sites=SITES,
    oddities={name: {"signed": way} for name, way in SIGNED.items()},
)


def want(name: str, *names: str, **spec: Any) -> Certificate:
    spec = {"mode": "observe", "names": list(names or (name,)), **spec}
    return Certificate.model_validate({"metadata": {"name": name}, "spec": spec})


class TestPublicSurface(WitnessContract):
    driver = PublicSurface
    sandbox: ClassVar[Sandbox]

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def running(cls) -> Iterator[None]:
        with running(WORLD) as cls.sandbox:
            yield

    def start(self) -> Account:
        self.sandbox.clock.set(NOW, frozen=True)
        self.sandbox.reset(World({"public": WORLD}))
        return public(self.sandbox)._replace(limits={"timeoutSeconds": 0.2})

    def wants(self) -> Sequence[Certificate]:
        return [want("sound.example"), want("allowed.example")]

    def asked(self) -> int:
        return asked(self.sandbox, "web-")

    def trouble(self, kind: Literal["silence", "refusal"]) -> None:
        known = {"silence": "lost-before", "refusal": "status"}
        trouble(self.sandbox, "dns-*", known[kind])


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running(WORLD) as made:
        yield made


@pytest.fixture
def account(sandbox: Sandbox) -> Account:
    sandbox.faults.clear()
    return public(sandbox)._replace(limits={"timeoutSeconds": 0.5})


def look(account: Account, name: str, *names: str, **spec: Any) -> SurfaceState:
    wanted = want(name, *names, **spec)
    state = PublicSurface(account).observe([wanted]).states[name]
    assert isinstance(state, SurfaceState), state
    return state


def found(account: Account, name: str, **spec: Any) -> dict[str, str]:
    """Code (and path) -> message, of everything but what every sound site has."""
    state = look(account, name, **spec)
    return {
        f.id.removeprefix(f"{f.code}:Certificate/{name}:{name}") or f.code: f.message
        for f in want(name).findings({SURFACE: state}, NOW)
        if f.code != "watched-only"
    }


@pytest.mark.parametrize("name", ["sound.example", "allowed.example", "nohttp.example"])
def test_a_sound_site_has_no_findings(account: Account, name: str) -> None:
    assert found(account, name) == {}
    (site,) = look(account, name).sites
    assert (site.grade, site.score) == ("A+", 115)
    assert {one.versions for one in site.offers} == {("1.2", "1.3")}
    assert site.security is not None
    assert site.security.signed
    assert not site.unknown


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("old.example", {"tls-old-version", "tls-no-1-3"}),
        ("weak.example", {"tls-weak-key"}),
        ("long.example", {"tls-lives-too-long"}),
        ("forbidden.example", {"caa-forbids-issuer"}),
        ("plain.example", {"web-redirect"}),
        ("stranger.example", {"web-redirect", "web-hsts"}),
        ("notxt.example", {"security-txt-invalid"}),
        ("oldtxt.example", {"security-txt-expired", "security-txt-unsigned"}),
        ("soontxt.example", {"security-txt-expires", "security-txt-unsigned"}),
        ("echo.example", {"security-txt-missing"}),
        (
            "empty.example",
            {
                "web-redirect", "web-hsts", "web-csp", "web-cookies", "web-cors",
                "web-frames", "web-scripts", "web-sniffing", "web-referrer",
                "web-embedding",
            },
        ),
    ],
)  # fmt: skip
def test_each_check_fires(account: Account, name: str, codes: set[str]) -> None:
    assert set(found(account, name)) == codes


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("expired.example", "its keys: the signatures have ended"),
        ("late.example", "its SOA: the signatures have ended"),
        ("forged.example", "no signature holds"),
        ("bare.example", "no signature"),
    ],
)
def test_a_bogus_zone_is_found(account: Account, name: str, said: str) -> None:
    assert said in found(account, name)["dnssec-bogus"]


def test_a_signed_zone_is_not_bogus(account: Account) -> None:
    assert found(account, "well.example") == {}


def test_every_file_of_the_list_is_found_by_itself(account: Account) -> None:
    paths = {
        "/.env", "/.git/config", "/wp-config.php.bak", "/phpinfo.php", "/server-status",
    }  # fmt: skip
    assert set(found(account, "leaky.example")) == paths
    ids = {f.id for f in want("leaky.example").findings(_have(account), NOW)}
    assert "file-exposed:Certificate/leaky.example:leaky.example/.env" in ids


def _have(account: Account) -> Any:
    return {SURFACE: look(account, "leaky.example")}


def test_a_page_for_everything_is_no_file(account: Account) -> None:
    assert look(account, "echo.example").sites[0].exposed == ()


def test_who_only_visits_asks_for_no_files(account: Account, sandbox: Sandbox) -> None:
    assert found(account, "leaky.example", scan="visit") == {}
    before = asked(sandbox, "web-https")
    look(account._replace(name="other"), "sound.example", scan="visit")
    assert asked(sandbox, "web-https") - before == 3  # the page, twice; security.txt
    assert SURFACE not in want("leaky.example", scan="off").witnesses()


def test_a_redirect_to_others_is_not_followed(account: Account) -> None:
    (site,) = look(account, "away.example").sites
    assert site.grade is None
    assert set(site.results) == {"redirection", "strict-transport-security"}
    assert not site.unknown  # nothing failed: it is not ours to look at
    assert set(found(account, "away.example")) == {"web-redirect"}


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("broken.example", "its page (it answers 503)"),
        ("rubbish.example", "its page (what it answers is no HTTP)"),
        ("mute.example", "its page (no answer)"),
        ("half.example", "its page (half an answer)"),
        ("closed.example", "its page (there is no https)"),
        ("none.example", "it has no address"),
    ],
)
def test_what_does_not_answer_is_unknown_and_has_no_grade(
    account: Account, name: str, what: str
) -> None:
    (site,) = look(account, name).sites
    assert site.grade is None
    assert site.score is None
    assert not site.results
    assert what in found(account, name)["surface-unknown"]


def test_one_of_two_names_that_fails_leaves_the_other(account: Account) -> None:
    state = look(account, "sound.example", "sound.example", "none.example")
    assert [(s.name, s.grade) for s in state.sites] == [
        ("sound.example", "A+"),
        ("none.example", None),
    ]


def test_what_servers_of_names_refuse_is_unknown(
    account: Account, sandbox: Sandbox
) -> None:
    trouble(sandbox, "dns-CAA", "status")
    trouble(sandbox, "dns-DNSKEY", "status")
    said = found(account, "expired.example")
    assert set(said) == {"surface-unknown"}
    assert "its signatures in DNS (its servers do not tell)" in said["surface-unknown"]
    seen = found(account, "forbidden.example")
    assert "its CAA records" in seen["surface-unknown"]
    assert "caa-forbids-issuer" not in seen


def test_nothing_that_was_read_comes_out(account: Account) -> None:
    for name in ("evil.example", "leaky.example"):
        state = look(account, name)
        said = [f.message for f in want(name).findings({SURFACE: state}, NOW)]
        whole = json.dumps(state.model_dump(mode="json")) + "".join(said)
        assert "\x1b" not in whole
        assert "owned" not in whole
        assert SECRET not in whole
        assert said


def test_a_failing_look_is_tried_again_soon_and_a_whole_one_is_not(
    account: Account, sandbox: Sandbox
) -> None:
    clock = [NOW]
    account = account._replace(clock=lambda: clock[0])
    seen = {}
    for name in ("sound.example", "broken.example"):
        look(account, name)
        clock[0] = NOW + timedelta(hours=2)
        before = asked(sandbox, "web-")
        look(account, name)
        seen[name] = asked(sandbox, "web-") - before
        clock[0] = NOW
    assert seen["sound.example"] == 0
    assert seen["broken.example"] > 0


def test_a_look_that_could_not_be_had_is_a_finding() -> None:
    for later, level in ((True, "info"), (False, "warning")):
        have = {SURFACE: Unknown(why="port 53 is closed", later=later)}
        (one,) = [
            f for f in want("a.example").findings(have, NOW) if "surface" in f.code
        ]
        assert (one.code, str(one.severity)) == ("surface-unknown", level)
