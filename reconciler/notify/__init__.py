"""
Telling people: what is new for whom is pure, mail and webhooks are two thin adapters.

Decides nothing about any resource, and never stops a run: a notice that cannot be
delivered is said, and tried again by the next run.
"""

from reconciler.notify.body import Context
from reconciler.notify.book import Books, Entry, Over, notices, told, turn
from reconciler.notify.channel import Channel, Channels, Told
from reconciler.notify.conditions import Seen, conditions, over
from reconciler.notify.delivery import Delivery, Sender, Sent, Status, Tracked
from reconciler.notify.heartbeat import Pulse
from reconciler.notify.line import Line, trusted
from reconciler.notify.message import Message, explain_command
from reconciler.notify.notice import Condition, Notice, Subject, fingerprint
from reconciler.notify.rounds import Round, deliver, due, messages
from reconciler.notify.smtp import Mail
from reconciler.notify.webhook import Hook
from reconciler.notify.wording import Words

__all__ = [
    "Books",
    "Channel",
    "Channels",
    "Condition",
    "Context",
    "Delivery",
    "Entry",
    "Hook",
    "Line",
    "Mail",
    "Message",
    "Notice",
    "Over",
    "Pulse",
    "Round",
    "Seen",
    "Sender",
    "Sent",
    "Status",
    "Subject",
    "Told",
    "Tracked",
    "Words",
    "conditions",
    "deliver",
    "due",
    "explain_command",
    "fingerprint",
    "messages",
    "notices",
    "over",
    "told",
    "trusted",
    "turn",
]
