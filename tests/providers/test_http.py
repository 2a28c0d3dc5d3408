"""What an answer, or none, means: the one module over httpx."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from reconciler.errors import Ambiguous, ProviderError, Rejected, Transient
from reconciler.model import Account
from reconciler.model.driver import Answered
from reconciler.providers._http import PATIENCE, TRIES, Http, Reply, Words
from reconciler.providers._limit import Limit
from reconciler.providers._said import named, shown
from reconciler.sandbox import AsgiServer
from tests.support.contract import MemoryCache

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
SECRET = "sk1_very-secret"


class Script:
    """A server that gives the answers it was told to, the last one for ever."""

    def __init__(self) -> None:
        self.answers: list[Response] = []
        self.asked: list[Request] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append(Request(scope, receive))
        answers = self.answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        await answer(scope, receive, send)


class Waiting:
    def __init__(self) -> None:
        self.now = NOW
        self.slept: list[float] = []

    def clock(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Script, str]]:
    script = Script()
    running = AsgiServer(script)
    port = running.start("127.0.0.1", 0)
    yield script, f"http://127.0.0.1:{port}"
    running.stop()


@pytest.fixture
def waiting() -> Waiting:
    return Waiting()


@pytest.fixture
def script(server: tuple[Script, str]) -> Script:
    server[0].asked.clear()
    return server[0]


@pytest.fixture
def http(server: tuple[Script, str], waiting: Waiting) -> Iterator[Http]:
    made = make(server[1], waiting)
    yield made
    made.close()


def make(base: str, waiting: Waiting, **limits: float) -> Http:
    account = Account(
        "main",
        base,
        None,
        {"token": SECRET},
        waiting.clock,
        waiting.sleep,
        MemoryCache(),
        limits,
    )
    words = Words(str, refused)
    headers = {"X-Token": SECRET}
    return Http(account, "https://unused.invalid", words, headers=headers, jitter=half)


def half() -> float:
    return 0.5


def refused(reply: Reply, text: str) -> ProviderError | None:
    return Rejected(text, request_id=reply.request_id) if reply.status >= 400 else None


def json(status: int, text: str = "{}", **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(text, status, named, "application/json")


def read(http: Http) -> Reply:
    return http.call("GET", "/x", operation="read", effect=False)


def act(http: Http) -> Reply:
    return http.call("POST", "/x", operation="act", effect=True, key="k", json={"a": 1})


def test_a_success_is_returned_with_its_request_id(http: Http, script: Script) -> None:
    script.answers = [json(200, '{"a": 1}', x_request_id="r-1")]
    reply = read(http)
    assert (reply.data, reply.request_id) == ({"a": 1}, "r-1")
    assert script.asked[0].headers["x-token"] == SECRET


def test_an_effect_sends_its_key_and_a_read_none(http: Http, script: Script) -> None:
    script.answers = [json(200)]
    act(http)
    read(http)
    keys = [request.headers.get("idempotency-key") for request in script.asked]
    assert keys == ["k", None]


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 302])
def test_an_effect_without_a_clear_answer_is_ambiguous_and_not_repeated(
    http: Http, script: Script, status: int
) -> None:
    script.answers = [json(status, location="/elsewhere")]
    with pytest.raises(Ambiguous):
        act(http)
    assert len(script.asked) == 1


@pytest.mark.parametrize("text", ["", "<html>", '{"a": '])
def test_a_broken_body_is_ambiguous_for_an_effect(
    http: Http, script: Script, text: str
) -> None:
    script.answers = [json(200, text)]
    with pytest.raises(Ambiguous, match="cannot be read"):
        act(http)
    with pytest.raises(Transient, match="cannot be read"):
        read(http)


def test_no_content_is_an_answer(http: Http, script: Script) -> None:
    script.answers = [Response(status_code=204)]
    assert act(http).data is None


def test_a_read_is_asked_again_and_not_for_ever(
    http: Http, script: Script, waiting: Waiting
) -> None:
    script.answers = [json(503), json(500), json(200)]
    assert read(http).status == 200
    assert waiting.slept == [0.25, 0.5]
    script.answers = [json(500)]
    with pytest.raises(Transient):
        read(http)
    assert len(script.asked) == 3 + TRIES


def test_a_redirect_is_never_followed(http: Http, script: Script) -> None:
    script.answers = [json(307, location="/elsewhere")]
    with pytest.raises(Rejected):
        read(http)
    assert [request.url.path for request in script.asked] == ["/x"]


def test_a_client_error_is_final(http: Http, script: Script) -> None:
    script.answers = [json(404, "not json", x_request_id="r-4")]
    for call in (read, act):
        with pytest.raises(Rejected) as error:
            call(http)
        assert error.value.request_id == "r-4"
    assert len(script.asked) == 2


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({"retry_after": "7"}, 7, id="seconds"),
        pytest.param({"retry_after": "Sun, 22 Nov 2026 09:00:09 GMT"}, 9, id="a date"),
        pytest.param(
            {"x_ratelimit_reset": str(int(NOW.timestamp()) + 3)}, 3, id="a reset"
        ),
        pytest.param({"retry_after": "soon"}, 0.25, id="no time at all"),
        pytest.param({}, 0.25, id="nothing"),
    ],
)
def test_a_429_is_waited_out_even_for_an_effect(
    http: Http,
    script: Script,
    waiting: Waiting,
    headers: dict[str, str],
    seconds: float,
) -> None:
    script.answers = [json(429, **headers), json(200)]
    assert act(http).status == 200
    assert waiting.slept == [seconds]


def test_patience_has_an_end(http: Http, script: Script, waiting: Waiting) -> None:
    script.answers = [json(429, retry_after=str(int(PATIENCE) + 1))]
    with pytest.raises(Transient):
        act(http)
    assert waiting.slept == []
    script.answers = [json(429, retry_after="25")]
    with pytest.raises(Transient):
        act(http)
    assert waiting.slept == [25, 25]


def test_what_cannot_be_sent_did_not_happen(waiting: Waiting) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    http = make(f"http://127.0.0.1:{port}", waiting)
    with pytest.raises(Transient, match="not sent: ConnectError"):
        act(http)
    assert len(waiting.slept) == TRIES - 1
    http.close()


def test_a_read_time_out_is_ambiguous_for_an_effect(waiting: Waiting) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        base = f"http://127.0.0.1:{mute.getsockname()[1]}"
        http = make(base, waiting, timeoutSeconds=0.05)
        with pytest.raises(Ambiguous, match="ReadTimeout"):
            act(http)
        with pytest.raises(Transient, match="ReadTimeout"):
            read(http)
        http.close()


def test_an_error_is_short_and_shows_no_secret(http: Http, script: Script) -> None:
    filler = "x" * 220
    script.answers = [json(400, f'"{filler} {SECRET}\\n{SECRET} {filler}"')]
    with pytest.raises(Rejected) as error:
        act(http)
    text = str(error.value)
    assert SECRET[:8] not in text
    assert "***" in text
    assert "\n" not in text
    assert len(error.value.what) <= 256
    assert SECRET not in repr(http)


def test_requests_are_counted_once(http: Http, script: Script) -> None:
    script.answers = [json(500), json(200)]
    read(http)
    act(http)
    assert http.counts() == {"read": 2, "act": 1}
    assert http.counts() == {}


def test_threads_share_one_connection_pool(
    http: Http, script: Script, waiting: Waiting
) -> None:
    script.answers = [json(200)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: read(http).status, range(40)))
    assert found == [200] * 40
    # A thread of httpcore's may close a connection that another has just begun to use
    # (encode/httpcore#1110): that answer is lost, and after a pause asked for again.
    lost = len(waiting.slept)
    assert http.counts() == {"read": 40 + lost}
    assert len({request.client for request in script.asked}) <= 8 + lost


class TestOnce:
    """One request to a whole URL: its answer is returned whatever it says."""

    def ask(self, http: Http, *, effect: bool = False, most: int = 99) -> Answered:
        url = f"{http.base}/x?y=1"
        return http.once(
            "POST", url, operation="ask", effect=effect, body=b"said", most=most
        )

    @pytest.mark.parametrize("status", [200, 302, 400, 429, 503])
    def test_every_answer_is_one(self, http: Http, script: Script, status: int) -> None:
        script.answers = [Response("as it is", status, {"Retry-After": "9"})]
        found = self.ask(http, effect=True)
        assert (found.status, found.body) == (status, b"as it is")
        assert found.headers["retry-after"] == "9"
        assert len(script.asked) == 1
        assert http.counts() == {"ask": 1}

    def test_no_more_is_read_than_is_wanted(self, http: Http, script: Script) -> None:
        script.answers = [Response("x" * 100)]
        assert self.ask(http, most=100).status == 200
        with pytest.raises(Transient, match="longer than 99 bytes"):
            self.ask(http)

    @pytest.mark.parametrize(
        ("effect", "kind"), [(True, Ambiguous), (False, Transient)]
    )
    def test_a_lost_answer_leaves_open_what_happened(
        self, waiting: Waiting, effect: bool, kind: type[ProviderError]
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            port = deaf.getsockname()[1]
            lost = make(f"http://127.0.0.1:{port}", waiting, timeoutSeconds=0.05)
            with pytest.raises(kind, match="the answer was lost"):
                self.ask(lost, effect=effect)
            lost.close()

    def test_what_cannot_be_sent_did_not_happen(self, waiting: Waiting) -> None:
        nobody = make("http://127.0.0.1:9", waiting)
        with pytest.raises(Transient, match="not sent"):
            self.ask(nobody, effect=True)
        nobody.close()


class TestTheLimit:
    def wait(self, waiting: Waiting, times: int, **limits: float) -> list[float]:
        limit = Limit(limits, waiting.clock, waiting.sleep)
        for _ in range(times):
            limit.wait()
        return waiting.slept

    def test_lets_a_burst_through_and_then_spaces(self, waiting: Waiting) -> None:
        slept = self.wait(waiting, 7, requestsPerSecond=5)
        assert slept == pytest.approx([0.2, 0.2])

    def test_keeps_the_strictest(self, waiting: Waiting) -> None:
        slept = self.wait(waiting, 4, requestsPerSecond=100, requestsPerHour=3)
        assert slept == pytest.approx([1200])

    def test_no_limit_no_wait(self, waiting: Waiting) -> None:
        assert self.wait(waiting, 50, timeoutSeconds=3) == []

    def test_a_clock_that_stands_still_makes_nobody_wait_twice(self) -> None:
        slept: list[float] = []
        limit = Limit({"requestsPerSecond": 1}, lambda: NOW, slept.append)
        for _ in range(5):
            limit.wait()
        assert slept == pytest.approx([1, 1, 1, 1])

    def test_refills_with_time(self, waiting: Waiting) -> None:
        limit = Limit({"requestsPerMinute": 2}, waiting.clock, waiting.sleep)
        for _ in range(3):
            limit.wait()
            waiting.now += timedelta(seconds=30)
        assert waiting.slept == []


def test_what_a_vendor_repeats_of_a_card_is_not_shown():
    said = shown("declined: 4242 4242 4242 4242 (cus_1), 4242424242424242")
    assert said == "declined: *** (cus_1), ***"


def test_whom_a_vendor_names_is_not_shown():
    said = shown(
        "no customer <jan.de-vries+x@mail.bakker.example>, or a@b; @ A is kept"
    )
    assert said == "no customer <***>, or a@b; @ A is kept"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("req_1a2B3c", True),
        ("f0e1d2c3-0000-4000-8000-0123456789ab", True),
        ("Root=1-67891233-abcdef012345678912345678", True),
        (None, False),
        ("", False),
        ("req_1 secret", False),
        ("req_sesame-open", False),
        ("4242-4242-4242-4242", False),
        ("x" * 129, False),
        ("a\x1b[2J", False),
    ],
)
def test_what_a_vendor_calls_a_request_is_a_name_or_nothing(text, kept):
    assert (named(text, ["sesame-open"]) is not None) is kept


def test_nothing_but_what_was_asked_for_is_sent(http: Http, script: Script) -> None:
    """No cookie comes back, and what a request says itself is said once."""
    script.answers = [json(200, set_cookie="session=1; Path=/")]
    read(http)
    own = {"Accept": "text/x", "user-AGENT": "mine"}
    http.call("GET", "/x", operation="read", effect=False, headers=own)
    usual, said = (request.headers for request in script.asked)
    names = ["accept", "accept-encoding", "connection", "host", "user-agent", "x-token"]
    assert sorted(usual.keys()) == sorted(said.keys()) == names
    assert (usual["accept"], said["accept"]) == ("*/*", "text/x")
    assert (said["user-agent"], said["accept-encoding"]) == ("mine", "gzip, deflate")


def test_a_connection_is_used_again_and_a_long_answer_ends_it(
    http: Http, script: Script
) -> None:
    script.answers = [json(200), json(200), json(200, "[" + "1," * 3000 + "1]")]
    read(http)
    read(http)
    url = f"{http.base}/x"
    with pytest.raises(Transient, match="longer than 100 bytes"):
        http.once("GET", url, operation="read", effect=False, most=100)
    ports = [request.client.port for request in script.asked if request.client]
    assert len(set(ports)) == 1
    script.answers = [json(200)]
    assert read(http).status == 200
    http.close()
    assert read(http).status == 200  # the next one opens its own
    ports = [request.client.port for request in script.asked if request.client]
    assert ports[-1] != ports[0]


def test_an_answer_that_is_packed_and_says_a_thing_twice(
    http: Http, script: Script
) -> None:
    packed = gzip.compress(b'{"a": 1}')
    answer = Response(packed, 200, {"content-encoding": "gzip"}, "application/json")
    answer.raw_headers += [(b"X-Two", b"a"), (b"x-two", b"b\xe9")]
    script.answers = [answer]
    reply = read(http)
    assert (reply.data, reply.headers["x-two"]) == ({"a": 1}, "a, b\u00e9")
