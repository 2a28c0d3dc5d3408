"""Ways to reach somebody: the team about what needs it, customers about money."""

from reconciler.kinds.notification_channel.blocks import (
    ADDRESS,
    BLOCKS,
    NUMBER,
    SMS,
    Login,
    Mailbox,
    Smtp,
)
from reconciler.kinds.notification_channel.channel import (
    EVENTS,
    Event,
    NotificationChannel,
    NotificationChannelSpec,
    zone,
)

KIND = NotificationChannel

__all__ = [
    "ADDRESS",
    "BLOCKS",
    "EVENTS",
    "KIND",
    "NUMBER",
    "SMS",
    "Event",
    "Login",
    "Mailbox",
    "NotificationChannel",
    "NotificationChannelSpec",
    "Smtp",
    "zone",
]
