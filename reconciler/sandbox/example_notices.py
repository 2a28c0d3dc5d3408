"""Who is told about the example agency: servers of the sandbox, and their secrets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from reconciler.kinds.notification_channel import NotificationChannel
from reconciler.kinds.provider import is_loopback

#: The example's secrets that are about notices; fake, and good nowhere else.
SECRETS: Final = {
    "ops-mail": "ops@agency.example",
    "bakker-mail": "boekhouding@bakker.example",
    "cafe-mail": "owner@cafe-menu.example",
    "fiets-mail": "accounts@fiets.example",
    "ops-hook-secret": "whsec_c2FuZGJveC1zYW5kYm94LXNhbmRib3gt",
    "ops-phone": "+31612345678",
    "twilio-user": "AC" + "0a" * 16,
    "twilio-token": "sandbox-twilio-token",
    "mailbox-user": "reconciler@agency.example",
    "mailbox-password": "sandbox-mailbox-password",
    "vonage-key": "abcd1234",
    "vonage-secret": "sandbox-vonage-secret",
}
#: Those that are addresses at the receiver: below its endpoint, wherever that is.
_PATHS: Final = {"ops-hook-url": "/hooks/ops", "deadman-url": "/ping/deadman"}


def mail_port(channels: Iterable[NotificationChannel]) -> int | None:
    """Return the port of the mail server on this machine; None if none is used."""
    for channel in channels:
        smtp = channel.spec.smtp
        if smtp is not None and is_loopback(f"http://{smtp.host}:{smtp.to_port}"):
            return smtp.to_port
    return None


def mailbox_port(channels: Iterable[NotificationChannel]) -> int | None:
    """Return the port of the mailbox on this machine; None if none is looked into."""
    for channel in channels:
        box = channel.spec.smtp.bounces if channel.spec.smtp else None
        if box is not None and is_loopback(f"http://{box.host}:{box.to_port}"):
            return box.to_port
    return None


def phone_ports(channels: Iterable[NotificationChannel]) -> dict[str, int]:
    """Return the ports on this machine where SMS providers are expected."""
    found: dict[str, int] = {}
    for channel in channels:
        phone = channel.spec.twilio or channel.spec.vonage
        endpoint = phone.endpoint if phone else None
        if endpoint and is_loopback(endpoint) and (port := urlsplit(endpoint).port):
            found[channel.spec.type] = port
    return found


def notice_parts(channels: Iterable[NotificationChannel]) -> dict[str, dict[str, Any]]:
    """Return the worlds of those who carry notices, where *channels* need them."""
    found = list(channels)
    parts: dict[str, dict[str, Any]] = {}
    if mail_port(found) is not None:
        parts["mail"] = {}
    if mailbox_port(found) is not None:
        user, password = SECRETS["mailbox-user"], SECRETS["mailbox-password"]
        parts["mailbox"] = {"user": user, "password": password}
    if any(one.spec.type in {"webhook", "heartbeat"} for one in found):
        parts["receiver"] = {"secret": SECRETS["ops-hook-secret"]}
    phones = phone_ports(found)
    if "twilio" in phones:
        blocks = [one.spec.twilio for one in found if one.spec.twilio]
        accounts = {
            one.account: {
                "sid": one.account,
                "token": SECRETS["twilio-token"],
                "numbers": [other.sender for other in blocks],
            }
            for one in blocks
        }
        parts["twilio"] = {"accounts": [*accounts.values()]}
    if "vonage" in phones:
        key, secret = SECRETS["vonage-key"], SECRETS["vonage-secret"]
        parts["vonage"] = {"accounts": [{"key": key, "secret": secret}]}
    return parts


def addresses(endpoints: Mapping[str, str]) -> dict[str, str]:
    """Return the secrets that lead to the receiver among *endpoints*."""
    at = endpoints.get("receiver")
    return {} if at is None else {name: at + path for name, path in _PATHS.items()}
