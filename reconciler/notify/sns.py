"""
SMS by Amazon SNS (docs.aws.amazon.com/sns/latest/dg/sms_publish-to-phone.html).

``Publish`` answers with a MessageId whatever becomes of the message. What does is in
CloudWatch Logs only, and only where the account's delivery status logging is on: the
groups ``sns/REGION/ACCOUNT/DirectPublishToPhoneNumber`` and ``.../Failure``. There is
no list of what was sent, so that after a death nobody can say whether it was.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from reconciler.model import sha256
from reconciler.notify.delivery import Delivery, Status
from reconciler.notify.line import Line, shown
from reconciler.notify.message import Message
from reconciler.notify.phone import number, short

_SERVER = 500
_NOT_SENT: Final = (
    "EndpointConnectionError",
    "ConnectTimeoutError",
    "ProxyConnectionError",
    "SSLError",
)
#: Deliveries are looked for in this much of the past.
_BACK = timedelta(days=3)

for _name in ("boto3", "botocore"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


class Sns:
    """
    One phone.

    Args:
        account: The account's number.
        keys: Access key id and secret access key.
        sender: A name or a number; None for the region's usual one.
        to: The phone; never shown.
        endpoint: Serves SNS and CloudWatch Logs, where they are not the usual ones.

    Raises:
        ValueError: *to* is no phone number.
    """

    def __init__(
        self,
        account: str,
        region: str,
        keys: tuple[str, str],
        sender: str | None,
        to: str,
        line: Line,
        *,
        endpoint: str | None = None,
    ) -> None:
        self._to = number(to)
        self._region = region
        self._account = account
        self._keys = keys
        self._sender = sender
        self._line = line
        self._endpoint = endpoint
        self._hidden = (to, to[1:], *keys)

    def __repr__(self) -> str:
        return "Sns()"

    @property
    def identity(self) -> str:
        """Changes with the account and the phone, and does not tell them."""
        return sha256(["sns", self._account, self._region, self._to])[:16]

    def send(self, message: Message, now: datetime) -> Delivery:
        """Have *message* sent; see ``Sender.send``."""
        del now
        if trouble := self.trouble():
            return Delivery(Status.FAILED, trouble)
        attributes = {"AWS.SNS.SMS.SMSType": "Transactional"}
        if self._sender is not None:
            origin = self._sender.removeprefix("+").isdigit()
            name = "AWS.MM.SMS.OriginationNumber" if origin else "AWS.SNS.SMS.SenderID"
            attributes[name] = self._sender
        wire = {
            name: {"DataType": "String", "StringValue": value}
            for name, value in attributes.items()
        }

        def publish() -> Delivery:
            said = self._client("sns").publish(
                PhoneNumber=self._to, Message=short(message), MessageAttributes=wire
            )
            if identity := said.get("MessageId"):
                return Delivery(Status.ACCEPTED, "taken", id=str(identity))
            return Delivery(Status.UNKNOWN, "the answer names no message")

        return self._tried(publish)

    def check(self, identity: str, now: datetime) -> Delivery:
        """Look for the message in the log of deliveries; see ``Tracked.check``."""
        group = f"sns/{self._region}/{self._account}/DirectPublishToPhoneNumber"
        since = int((now - _BACK).timestamp() * 1000)

        def look() -> Delivery:
            logs = self._client("logs")
            for name in (f"{group}/Failure", group):
                for one in _logged(logs, name, identity, since):
                    return self._fate(one, identity)
            return Delivery(Status.ACCEPTED, "not in the log yet", id=identity)

        came = self._tried(look)
        # That a question was refused says nothing about the message.
        return came if came.id else came._replace(status=Status.UNKNOWN)

    def find(self, message: str, since: datetime, now: datetime) -> Delivery | None:
        """Say that nobody can tell; see ``Tracked.find``."""
        del message, since, now
        return Delivery(Status.UNKNOWN, "SNS lists nothing of what it sent")

    def trouble(self) -> str | None:
        """Return why SNS cannot be reached; nothing is sent."""
        usual = f"https://sns.{self._region}.amazonaws.com"
        return self._line.trouble(self._endpoint or usual)

    def _fate(self, entry: dict[str, Any], identity: str) -> Delivery:
        delivery = entry.get("delivery")
        words = delivery.get("providerResponse") if isinstance(delivery, dict) else ""
        said = shown(f"{entry.get('status')} {words or ''}", self._hidden)
        good = entry.get("status") == "SUCCESS"
        return Delivery(Status.DELIVERED if good else Status.FAILED, said, id=identity)

    def _tried(self, work: Callable[[], Delivery]) -> Delivery:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            return work()
        except ClientError as error:
            meta = error.response.get("ResponseMetadata", {})
            code = error.response.get("Error", {}).get("Code", "")
            status = meta.get("HTTPStatusCode", _SERVER)
            said = shown(f"{status} {code}", self._hidden)
            lost = status >= _SERVER
            return Delivery(Status.UNKNOWN if lost else Status.FAILED, said)
        except BotoCoreError as error:
            name = type(error).__name__
            if name in _NOT_SENT:
                return Delivery(Status.FAILED, f"not sent: {name}")
            return Delivery(Status.UNKNOWN, f"the answer was lost: {name}")
        except Exception as error:  # noqa: BLE001  (its parser fails in many ways)
            name = type(error).__name__
            return Delivery(Status.UNKNOWN, f"the answer cannot be read: {name}")

    def _client(self, service: str) -> Any:
        from botocore.config import Config  # noqa: PLC0415

        options: dict[str, Any] = {
            "retries": {"total_max_attempts": 1, "mode": "standard"},
            "ignore_configured_endpoint_urls": True,
            "connect_timeout": 10,
            "read_timeout": 15,
        }
        return _session().client(
            service,
            region_name=self._region,
            endpoint_url=self._endpoint,
            config=Config(**options),
            aws_access_key_id=self._keys[0],
            aws_secret_access_key=self._keys[1],
        )


@cache
def _session() -> Any:
    """Return a session that holds no keys and reads no profile of whoever runs it."""
    import boto3  # noqa: PLC0415
    import botocore.session  # noqa: PLC0415

    nothing = (None, None, None, None)
    names = ("profile", "config_file", "credentials_file", "ca_bundle")
    core = botocore.session.Session(session_vars=dict.fromkeys(names, nothing))
    return boto3.session.Session(botocore_session=core)


def _logged(logs: Any, group: str, identity: str, since: int) -> list[dict[str, Any]]:
    """Return the entries about the message; none where nothing was ever logged."""
    try:
        said = logs.filter_log_events(
            logGroupName=group, startTime=since, filterPattern=f'"{identity}"'
        )
    except logs.exceptions.ResourceNotFoundException:
        return []
    found = []
    for event in said.get("events", ()):
        try:
            entry = json.loads(event["message"])
        except ValueError:
            continue
        notification = entry.get("notification") if isinstance(entry, dict) else None
        if isinstance(notification, dict) and notification.get("messageId") == identity:
            found.append(entry)
    return found
