"""Who is told about the example agency: servers of the sandbox, and their secrets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from reconciler.kinds.notification_channel import NotificationChannel
from reconciler.kinds.provider import is_loopback

#: The example's secrets that are about notices; fake, and good nowhere else.
SECRETS: Final = {
    "ops-mail": "ops@agency.example",
    "ops-hook-secret": "whsec_c2FuZGJveC1zYW5kYm94LXNhbmRib3gt",
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


def notice_parts(channels: Iterable[NotificationChannel]) -> dict[str, dict[str, Any]]:
    """Return the worlds of ``mail`` and ``receiver``, where *channels* need them."""
    found = list(channels)
    parts: dict[str, dict[str, Any]] = {}
    if mail_port(found) is not None:
        parts["mail"] = {}
    if any(one.spec.type in {"webhook", "heartbeat"} for one in found):
        parts["receiver"] = {"secret": SECRETS["ops-hook-secret"]}
    return parts


def addresses(endpoints: Mapping[str, str]) -> dict[str, str]:
    """Return the secrets that lead to the receiver among *endpoints*."""
    at = endpoints.get("receiver")
    return {} if at is None else {name: at + path for name, path in _PATHS.items()}
