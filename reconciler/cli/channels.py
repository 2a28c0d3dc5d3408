"""From NotificationChannel documents to senders, with their secrets resolved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, cast

from reconciler.cli import secrets
from reconciler.cli.texts import texts
from reconciler.errors import InventoryError, ReconcilerError
from reconciler.kinds.notification_channel import SMS, NotificationChannel
from reconciler.model import AnyResource, Finding, Ref, SecretRef, Severity
from reconciler.notify import (
    Channel,
    Hook,
    Line,
    Mail,
    Pulse,
    Sender,
    Words,
    trusted,
)
from reconciler.notify.anything import Anything
from reconciler.notify.bounces import Bounces, Box
from reconciler.notify.smtp import Server, WatchedMail
from reconciler.notify.sns import Sns
from reconciler.notify.twilio import Twilio
from reconciler.notify.vonage import Vonage

if TYPE_CHECKING:
    from reconciler.cli.project import Project
    from reconciler.inventory import Inventory
    from reconciler.kinds.customer import Customer
    from reconciler.kinds.subscription import Subscription


def channels_of(found: Iterable[AnyResource]) -> list[NotificationChannel]:
    """Return *found* as the channels they are."""
    return [cast("NotificationChannel", one) for one in found]


def opened(
    project: Project, wants: Iterable[NotificationChannel]
) -> dict[str, Channel]:
    """Return every channel by name; what cannot be used says why."""
    own = texts(project.root)
    channels: dict[str, Channel] = {}
    for want in wants:
        words = Words(want.spec.language, own)
        if want.spec.type == "heartbeat":
            channels[want.name] = Channel(want, None, "a heartbeat carries no notices")
            continue
        try:
            channels[want.name] = Channel(want, sender(project, want), "", words)
        except (ReconcilerError, ValueError) as error:
            why = error.what if isinstance(error, ReconcilerError) else str(error)
            channels[want.name] = Channel(want, None, why, words)
    return channels


def sender(
    project: Project,
    want: NotificationChannel,
    to: tuple[str, ...] | None = None,
    back: Bounces | None = None,
) -> Sender:
    """
    Return what sends for *want*.

    Args:
        project: Where secrets are resolved.
        want: The channel.
        to: Who gets it, in place of those that it names.
        back: The mailbox of its bounces, where it is shared with others.

    Raises:
        SecretMissing: One of its secrets cannot be had.
        ValueError: One of them is not what it should be.
    """
    spec = want.spec
    if spec.type in SMS:
        return _phone(project, want, to)
    if spec.apprise is not None:
        return Anything(_secret(project, spec.apprise.url))
    if spec.webhook is not None:
        url = _secret(project, spec.webhook.url)
        secret = spec.webhook.secret
        return Hook(url, _secret(project, secret) if secret else None, line(project))
    assert spec.smtp is not None  # noqa: S101  (the kind sees to it)
    smtp = spec.smtp
    login = smtp.credentials
    server = Server(
        smtp.host,
        smtp.to_port,
        smtp.tls,
        partial(trusted, "smtp"),
        (_secret(project, login.username), _secret(project, login.password))
        if login
        else None,
    )
    named = [personal(project, address) for address in smtp.to or ()]
    box = back or bounces(project, want)
    if box is None:
        return Mail(server, smtp.sender, named if to is None else to)
    return WatchedMail(server, smtp.sender, named if to is None else to, box)


def bounces(project: Project, want: NotificationChannel) -> Bounces | None:
    """Return the mailbox that *want* looks into; raises SecretMissing."""
    box = want.spec.smtp.bounces if want.spec.smtp else None
    if box is None:
        return None
    login = box.credentials
    return Bounces(
        Box(
            box.host,
            box.to_port,
            box.tls,
            partial(trusted, "smtp"),
            (_secret(project, login.username), _secret(project, login.password)),
        )
    )


def _phone(
    project: Project, want: NotificationChannel, to: tuple[str, ...] | None
) -> Sender:
    """Return what sends SMS for *want*; see ``sender``."""
    spec, way = want.spec, line(project)
    block = spec.twilio or spec.vonage or spec.sns
    assert block is not None  # noqa: S101  (the kind sees to it)
    named = () if block.to is None else (personal(project, block.to),)
    (number,) = named if to is None else to
    if (twilio := spec.twilio) is not None:
        login = twilio.credentials
        return Twilio(
            twilio.account,
            (_secret(project, login.username), _secret(project, login.password)),
            twilio.sender,
            number,
            way,
            endpoint=twilio.endpoint,
        )
    if (vonage := spec.vonage) is not None:
        key = vonage.credentials
        return Vonage(
            (_secret(project, key.key), _secret(project, key.secret)),
            vonage.sender,
            number,
            way,
            endpoint=vonage.endpoint,
        )
    assert spec.sns is not None  # noqa: S101  (the kind sees to it)
    keys = spec.sns.credentials
    return Sns(
        spec.sns.account,
        spec.sns.region,
        (
            _secret(project, keys.access_key_id),
            _secret(project, keys.secret_access_key),
        ),
        spec.sns.sender,
        number,
        way,
        endpoint=spec.sns.endpoint,
    )


def pulse(project: Project, want: NotificationChannel) -> Pulse:
    """Return what calls the address of a heartbeat; raises SecretMissing."""
    assert want.spec.heartbeat is not None  # noqa: S101  (the kind sees to it)
    return Pulse(_secret(project, want.spec.heartbeat.url), line(project))


def line(project: Project) -> Line:
    """Return the way to post, as far as this environment may."""
    return Line(partial(trusted, "https"), loopback=project.loopback)


def check(wants: Iterable[NotificationChannel]) -> Iterator[InventoryError]:
    """Yield the fallbacks that carry nothing, and customers told by two at once."""
    known = {want.name: want for want in wants}
    yield from _firsts(known)
    for want in known.values():
        to = known.get(want.spec.fallback or "")
        if to is not None and to.to_customers != want.to_customers:
            yield InventoryError(
                f"{want.ref}: spec.fallback: {to.ref} is for {to.spec.audience}, and "
                f"this one for {want.spec.audience}",
                at=want.at("spec.fallback"),
                hint="a fallback has the same audience",
                code="E620",
            )
        if to is not None and to.spec.type == "heartbeat":
            yield InventoryError(
                f"{want.ref}: spec.fallback: {to.ref} is a heartbeat and carries no "
                "notices",
                at=want.at("spec.fallback"),
                hint="name a channel of type smtp or webhook",
                code="E620",
            )


def _firsts(known: Mapping[str, NotificationChannel]) -> Iterator[InventoryError]:
    mine = [want for want in known.values() if want.to_customers]
    spare = {want.spec.fallback for want in mine}
    ways = [want for want in mine if want.name not in spare]
    for want in ways[1:]:
        yield InventoryError(
            f"{want.ref}: spec.audience: {ways[0].ref} is for customers too, and both "
            "would come first",
            at=want.at("spec.audience"),
            hint="one is the fallback of the other: each letter goes out once",
            code="E622",
        )


def advice(wants: Iterable[NotificationChannel]) -> Iterator[Finding]:
    """Yield the addresses that stand in git, which cannot forget them."""
    for want in wants:
        for number, to in enumerate(
            (want.spec.smtp.to or ()) if want.spec.smtp else ()
        ):
            if isinstance(to, str):
                yield want.found(
                    "address-in-plain-text",
                    Severity.WARNING,
                    f"spec.smtp.to[{number}]: git cannot forget an address: name where "
                    "it is kept, as in {env: OPS_MAIL}",
                    f"spec.smtp.to[{number}]",
                )
        phone = want.spec.twilio or want.spec.vonage or want.spec.sns
        if phone is not None and isinstance(phone.to, str):
            field = f"spec.{want.spec.type}.to"
            yield want.found(
                "number-in-plain-text",
                Severity.WARNING,
                f"{field}: git cannot forget a phone number: name where it is kept, as "
                "in {env: OPS_PHONE}",
                field,
            )


def unheard(
    inventory: Inventory, wants: Iterable[NotificationChannel]
) -> Iterator[Finding]:
    """Yield the customers whom no letter reaches, where somebody subscribes at all."""
    payers = {str(want.spec.customer) for want in _subscriptions(inventory)}
    if not payers:
        return
    ways = [want.spec.type for want in wants if want.to_customers]
    for name in sorted(payers):
        customer = cast("Customer", inventory.get(Ref("Customer", name)))
        contacts = customer.spec.contacts
        mail = "smtp" in ways and contacts.billing is not None
        phone = bool(set(ways) & SMS) and contacts.phone is not None
        if not mail and not phone:
            why = (
                "has no contacts.billing"
                if ways
                else "is written to by no channel with audience: customers"
            )
            message = f"{why}: no invoice and no warning arrives, and none suspends"
            yield customer.found(
                "customer-unheard", Severity.WARNING, message, "spec.contacts"
            )


def _subscriptions(inventory: Inventory) -> list[Subscription]:
    return [cast("Subscription", one) for one in inventory.of("Subscription")]


def personal(project: Project, value: SecretRef | str) -> str:
    """Return what *value* stands for; from here on it is masked everywhere."""
    if isinstance(value, SecretRef):
        return _secret(project, value)
    project.secrets.add(value)
    return value


def _secret(project: Project, ref: SecretRef) -> str:
    value = secrets.resolve(ref, project.environ, project.root)
    project.secrets.add(value)
    return value
