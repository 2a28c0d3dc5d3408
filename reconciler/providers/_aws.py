"""
Calls to AWS: paced, counted, asked again where that is safe, errors in our words.

boto3 is imported with the first call. Its own retries are off: it cannot know which
call may not be made twice.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from threading import Lock
from typing import Any

from reconciler.errors import Ambiguous, ProviderError, Rejected, Transient
from reconciler.model import Account, Advice
from reconciler.providers._limit import Limit
from reconciler.providers._said import named, shown

REGION = "us-east-1"
CREDENTIALS = frozenset({"accessKeyId", "secretAccessKey"})
#: A question is asked this often at most, and so is what was told to wait.
_TRIES = 3
_QUESTIONS = ("list_", "get_", "check_", "view_", "describe_", "head_")
_BUSY = frozenset(
    {
        "OperationLimitExceeded",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
#: boto3's sessions, other than its clients, are not thread-safe.
_MAKING = Lock()
_NOT_SENT = ("EndpointConnectionError", "ConnectTimeoutError", "ProxyConnectionError")

for _name in ("boto3", "botocore"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


@cache
def _session() -> Any:
    """
    Return the session that all accounts share: it holds no credentials.

    It reads AWS' own description of its services once (0.2 s), and neither a
    profile nor a configuration file of whoever runs this.
    """
    import boto3  # noqa: PLC0415
    import botocore.session  # noqa: PLC0415

    nothing = (None, None, None, None)
    names = ("profile", "config_file", "credentials_file", "ca_bundle")
    core = botocore.session.Session(session_vars=dict.fromkeys(names, nothing))
    return boto3.session.Session(botocore_session=core, region_name=REGION)


class Aws:
    """
    One AWS account.

    Args:
        region: Where the services are that have regions; the usual one if None.
        path_style: The bucket is in the path, and not in the name of the host.
    """

    def __init__(
        self,
        account: Account,
        per_second: float | None = None,
        region: str | None = None,
        *,
        path_style: bool = False,
    ) -> None:
        self.account = account
        self._path_style = path_style
        self._region = region or REGION
        real = per_second is not None and account.endpoint is None
        own = {"requestsPerSecond": per_second} if real and per_second else {}
        self.limit = Limit({**own, **account.limits}, account.clock, account.sleep)
        self.counts: Counter[str] = Counter()
        self._clients: dict[tuple[str, str], Any] = {}

    def calls(self, service: str, region: str | None = None) -> Calls:
        """Return a new series of calls to *service*, in *region* or the usual one."""
        asked = (service, region or self._region)
        with _MAKING:
            if asked not in self._clients:
                self._clients[asked] = self._client(*asked)
            return Calls(self, self._clients[asked])

    def _client(self, service: str, region: str) -> Any:
        from botocore.config import Config  # noqa: PLC0415

        secrets = self.account.secrets
        options: dict[str, Any] = {
            "retries": {"total_max_attempts": 1, "mode": "standard"},
            "ignore_configured_endpoint_urls": True,
            "connect_timeout": 10,
            "read_timeout": 30,
            "max_pool_connections": 10,
        }
        if self._path_style:
            options["s3"] = {"addressing_style": "path"}
        return _session().client(
            service,
            region_name=region,
            endpoint_url=self.account.endpoint,
            config=Config(**options),
            aws_access_key_id=secrets["accessKeyId"],
            aws_secret_access_key=secrets["secretAccessKey"],
            aws_session_token=secrets.get("sessionToken"),
        )

    def identity(self) -> str:
        """Return the account's number, from the Security Token Service."""
        said = self.calls("sts")("get_caller_identity")
        return str(said["Account"])

    def examine(self) -> Iterator[Advice]:
        """Say where the keys are those of the root user, who may do everything."""
        if str(self.calls("sts")("get_caller_identity")["Arn"]).endswith(":root"):
            yield Advice(
                "the keys are those of the root user: no policy limits them",
                "make a role or a user for the reconciler, with route53:* and "
                "route53domains:* at most, and delete the root user's keys",
            )

    def close(self) -> None:
        """Let go of connections."""
        while self._clients:
            self._clients.popitem()[1].close()


class Calls:
    """
    Calls that belong together; stands in for a boto3 client where octoDNS wants one.

    Attributes:
        effects: How many calls with an effect were answered well.
        request_id: The id of the last answer.
    """

    def __init__(self, aws: Aws, client: Any) -> None:
        self._aws = aws
        self._client = client
        self.effects = 0
        self.request_id: str | None = None
        self.reference = ""

    def __getattr__(self, operation: str) -> Callable[..., dict[str, Any]]:
        if operation.startswith("_"):
            raise AttributeError(operation)
        return lambda **values: self(operation, **values)

    def __call__(self, operation: str, **values: Any) -> dict[str, Any]:
        """
        Return the answer to *operation* (as boto3 spells it).

        Raises:
            Transient: No answer to a question, or the effect was refused for now.
            Rejected: Refused; ``Refusal`` holds AWS' own code.
            Ambiguous: It may have had an effect, or others before it had theirs.
        """
        question = operation.startswith(_QUESTIONS)
        for left in range(_TRIES - 1, -1, -1):
            try:
                return self._once(operation, values, question=question)
            except _AskAgain as busy:
                if not left:
                    raise self._failed(Transient, busy.what, busy.request_id) from None
                self._aws.account.sleep(busy.after)
        raise AssertionError("unreachable")

    def _once(
        self, operation: str, values: dict[str, Any], *, question: bool
    ) -> dict[str, Any]:
        from botocore.exceptions import ClientError  # noqa: PLC0415

        self._aws.limit.wait()
        self._aws.counts[operation] += 1
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**values)
        except ClientError as error:
            raise self._refusal(operation, error.response, question=question) from None
        except Exception as error:  # noqa: BLE001  (parsers raise their own)
            raise self._silence(operation, error, question=question) from None
        self.request_id = self._named(answer.get("ResponseMetadata", {}))
        self.effects += not question
        self.reference = answer.get("ChangeInfo", {}).get("Id") or self.reference
        return answer

    def _named(self, meta: Any) -> str | None:
        return named(meta.get("RequestId"), self._aws.account.secrets.values())

    def _refusal(self, operation: str, said: Any, *, question: bool) -> Exception:
        error, meta = said.get("Error", {}), said.get("ResponseMetadata", {})
        code, request_id = str(error.get("Code", "")), self._named(meta)
        status = int(meta.get("HTTPStatusCode", 0))
        what = f"{operation}: {code}: {error.get('Message', '')}"
        busy = code in _BUSY or status == 429  # noqa: PLR2004
        if busy or (question and status >= 500):  # noqa: PLR2004
            after = str(meta.get("HTTPHeaders", {}).get("retry-after", ""))
            pause = min(float(after), 60.0) if after.isdigit() else 2.0
            return _AskAgain(what, request_id, pause)
        if status >= 500:  # noqa: PLR2004
            return self._failed(Ambiguous, what, request_id)
        failed = self._failed(Refusal, what, request_id)
        if isinstance(failed, Refusal):
            failed.aws_code = code
        return failed

    def _silence(
        self, operation: str, error: Exception, *, question: bool
    ) -> Exception:
        from botocore.exceptions import BotoCoreError, HTTPClientError  # noqa: PLC0415

        name = type(error).__name__
        what = f"{operation}: no answer: {name}"
        if name in _NOT_SENT:
            return _AskAgain(what, None, 2.0)
        if isinstance(error, BotoCoreError) and not isinstance(error, HTTPClientError):
            return self._failed(Rejected, f"{operation}: not sent: {name}", None)
        if question:
            return _AskAgain(what, None, 2.0)
        return self._failed(Ambiguous, what, None)

    def _failed(
        self, kind: type[ProviderError], what: str, request_id: str | None
    ) -> ProviderError:
        if self.effects and kind is not Ambiguous:
            kind, what = Ambiguous, f"stopped half-way: {what}"
        account = self._aws.account
        said = shown(what, account.secrets.values())
        return kind(said, request_id=request_id)


class _AskAgain(Exception):
    """Nothing happened, and the same may be asked again after a while."""

    def __init__(self, what: str, request_id: str | None, after: float) -> None:
        super().__init__(what)
        self.what = what
        self.request_id = request_id
        self.after = after


class Refusal(Rejected):
    """AWS said no."""

    aws_code = ""


def pages(call: Callable[..., dict[str, Any]], token: str, **values: Any) -> Any:
    """
    Yield every page of a listing; *token* names both ends as ``SENT<RECEIVED``.

    Raises:
        Rejected: The same page came twice, so that the listing proves nothing.
    """
    sent, _, received = token.partition("<")
    seen: set[str] = set()
    more: dict[str, str] = {}
    while True:
        page = call(**values, **more)
        yield page
        following = page.get(received)
        if not following:
            return
        if following in seen:
            raise Rejected("the listing gave the same page twice")
        seen.add(following)
        more = {sent: following}
