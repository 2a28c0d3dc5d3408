"""Channels that must be refused."""

from __future__ import annotations

from tests.support.bad_case import HEAD, bad

_SMTP = "host: mail.example, from: a@agency.example, to: [{env: OPS}]"


def channel(name: str, spec: str, code: str, secret: str | None = None) -> None:
    """Add a case: one channel in one line, on line 2."""
    bad(name, f"{HEAD}NotificationChannel/x: {{{spec}}}\n", code, 2, secret)


def smtp(name: str, fields: str, code: str, secret: str | None = None) -> None:
    """Add a case: the smtp block of an otherwise good channel, on line 4."""
    text = f"{HEAD}NotificationChannel/x:\n  type: smtp\n  smtp: {{{fields}}}\n"
    bad(name, text, code, 4, secret)


def hook(name: str, more: str, code: str) -> None:
    """Add a case: one more field of an otherwise good webhook, on line 5."""
    text = (
        f"{HEAD}NotificationChannel/x:\n  type: webhook\n"
        f"  webhook: {{url: {{env: HOOK}}}}\n  {more}\n"
    )
    bad(name, text, code, 5)


channel("channel-empty", "", "E121")
channel("channel-type", "type: pager, webhook: {url: {env: X}}", "E123")
channel("channel-no-block", "type: webhook", "E125")
channel("channel-other-block", f"type: webhook, smtp: {{{_SMTP}}}", "E125")
channel(
    "channel-two-blocks",
    f"type: smtp, smtp: {{{_SMTP}}}, webhook: {{url: {{env: X}}}}",
    "E125",
)
channel("channel-unknown-field", "type: webhook, webhok: {url: {env: X}}", "E120")
for field in (
    "events: []",
    "minSeverity: error",
    "unknownAfter: 1h",
    'quietHours: "21:00-08:00"',
    "fallback: y",
):
    channel(
        f"heartbeat-with-{field.partition(':')[0]}",
        f"type: heartbeat, heartbeat: {{url: {{env: X}}}}, {field}",
        "E125",
    )
channel("heartbeat-no-url", "type: heartbeat, heartbeat: {}", "E121")
channel(
    "heartbeat-plain-url",
    "type: heartbeat, heartbeat: {url: https://hc.example/canary-7}",
    "E150",
    "canary-7",
)
channel(
    "heartbeat-incomplete",
    "type: heartbeat, heartbeat: {url: {env: X}, incomplete: start}",
    "E123",
)

channel(
    "webhook-plain-url",
    "type: webhook, webhook: {url: https://hooks.example/canary-7}",
    "E150",
    "canary-7",
)
channel(
    "webhook-plain-secret",
    "type: webhook, webhook: {url: {env: X}, secret: canary-seven-plain}",
    "E150",
    "canary-seven-plain",
)
channel("webhook-no-url", "type: webhook, webhook: {secret: {env: X}}", "E121")
channel(
    "webhook-two-places", "type: webhook, webhook: {url: {env: X, file: y}}", "E125"
)

hook("events-unknown", "events: [exploded]", "E123")
hook("events-twice", "events: [held, held]", "E125")
hook("events-text", "events: held", "E122")
hook("severity", "minSeverity: loud", "E123")
hook("unknown-after-period", "unknownAfter: 1mo", "E125")
hook("unknown-after-number", "unknownAfter: 24", "E125")
hook("fallback-missing", "fallback: nobody", "E133")
channel(
    "fallback-itself",
    "type: webhook, webhook: {url: {env: HOOK}}, fallback: x",
    "E134",
)
for hours in (
    "21-8",
    "21:00",
    "24:00-08:00",
    "21:60-08:00",
    "08:00-08:00",
    "9:00-8:00",
):
    hook(f"quiet-{hours}", f'quietHours: "{hours}"', "E125")
for zone in ("Europe/Nowhere", "CET+1", "../etc/passwd", "/etc/localtime"):
    hook(f"zone-{zone}", f"timeZone: {zone}", "E125")
hook("zone-empty", 'timeZone: ""', "E125")

smtp("smtp-no-host", "from: a@agency.example, to: [{env: OPS}]", "E121")
smtp("smtp-no-from", "host: mail.example, to: [{env: OPS}]", "E121")
channel(
    "smtp-no-to",
    "type: smtp, smtp: {host: mail.example, from: a@agency.example}",
    "E125",
)
smtp("smtp-empty-to", "host: mail.example, from: a@agency.example, to: []", "E124")
smtp("smtp-host-url", _SMTP.replace("mail.example", "smtps://mail.example"), "E124")
smtp("smtp-host-space", _SMTP.replace("mail.example", '"mail example"'), "E124")
smtp("smtp-port-zero", f"{_SMTP}, port: 0", "E124")
smtp("smtp-port-high", f"{_SMTP}, port: 65536", "E124")
smtp("smtp-port-text", f'{_SMTP}, port: "25"', "E122")
smtp("smtp-tls", f"{_SMTP}, tls: ssl", "E123")
smtp("smtp-no-tls", f"{_SMTP}, tls: none", "E125")
smtp("smtp-sender-name", f"{_SMTP}, sender: a@agency.example", "E120")
smtp("smtp-from-name", _SMTP.replace("a@", "Ops <a@"), "E124")
smtp(
    "smtp-from-newline",
    _SMTP.replace("a@agency.example", '"a@agency.example\\nBcc: b@c.example"'),
    "E124",
)
smtp("smtp-login-half", f"{_SMTP}, credentials: {{username: {{env: X}}}}", "E121")
smtp(
    "smtp-login-plain",
    f"{_SMTP}, credentials: {{username: {{env: X}}, password: canary-seven-plain}}",
    "E150",
    "canary-seven-plain",
)
_LOGIN = "credentials: {username: {env: X}, password: {env: Y}}"
_TWILIO = f"account: AC{'0a' * 16}, from: '+15557122661', to: {{env: P}}, {_LOGIN}"
_VONAGE = "from: Agency, to: {env: P}, credentials: {key: {env: X}, secret: {env: Y}}"
_AWS = "credentials: {accessKeyId: {env: X}, secretAccessKey: {env: Y}}"
_SNS = f"account: '123456789012', region: eu-west-1, to: {{env: P}}, {_AWS}"


def phone(
    name: str, kind: str, fields: str, code: str, secret: str | None = None
) -> None:
    """Add a case: the block of a phone in an otherwise good channel, on line 4."""
    text = f"{HEAD}NotificationChannel/x:\n  type: {kind}\n  {kind}: {{{fields}}}\n"
    bad(name, text, code, 4, secret)


for kind, good in (("twilio", _TWILIO), ("vonage", _VONAGE), ("sns", _SNS)):
    channel(f"{kind}-no-block", f"type: {kind}", "E125")
    channel(f"{kind}-other-block", f"type: webhook, {kind}: {{{good}}}", "E125")
    to_nobody = good.replace("to: {env: P}, ", "")
    channel(f"{kind}-no-to", f"type: {kind}, {kind}: {{{to_nobody}}}", "E125")
    for number in ("0612345678", "+31 6 12345678", "+0612345678", "612345678"):
        said = good.replace("{env: P}", f"'{number}'")
        phone(f"{kind}-to-{number}", kind, said, "E124")
    phone(f"{kind}-to-list", kind, good.replace("{env: P}", "[{env: P}]"), "E123")
    phone(
        f"{kind}-open-endpoint", kind, f"{good}, endpoint: 'http://sms.example'", "E125"
    )
    phone(f"{kind}-path", kind, f"{good}, endpoint: 'https://sms.example/a'", "E124")
    phone(f"{kind}-user", kind, f"{good}, endpoint: 'https://a@sms.example'", "E124")
    phone(f"{kind}-no-credentials", kind, good.partition(", credentials")[0], "E121")
    phone(f"{kind}-unknown", kind, f"{good}, callback: https://x.example", "E120")
phone("twilio-account", "twilio", _TWILIO.replace("AC0a", "SK0a"), "E124")
phone("twilio-no-from", "twilio", _TWILIO.replace("from: '+15557122661', ", ""), "E121")
phone("twilio-from", "twilio", _TWILIO.replace("+15557122661", "a-name"), "E124")
phone("vonage-from", "vonage", _VONAGE.replace("Agency", "A name too long"), "E124")
phone("sns-account", "sns", _SNS.replace("'123456789012'", "'1234'"), "E124")
phone("sns-region", "sns", _SNS.replace("eu-west-1", "europe"), "E124")
phone(
    "twilio-plain-secret",
    "twilio",
    _TWILIO.replace("password: {env: Y}", "password: canary-seven-plain"),
    "E150",
    "canary-seven-plain",
)
phone(
    "vonage-plain-secret",
    "vonage",
    _VONAGE.replace("secret: {env: Y}", "secret: canary-seven-plain"),
    "E150",
    "canary-seven-plain",
)
channel("apprise-no-url", "type: apprise, apprise: {}", "E121")
channel(
    "apprise-plain-url",
    "type: apprise, apprise: {url: 'slack://canary-7'}",
    "E150",
    "canary-7",
)
channel(
    "confirm-of-a-hook",
    "type: webhook, webhook: {url: {env: HOOK}}, confirmWithin: 5m",
    "E125",
)
hook("language-number", "language: 5", "E122")
hook("language-word", "language: Dutch", "E124")
channel(
    "heartbeat-with-language",
    "type: heartbeat, heartbeat: {url: {env: X}}, language: nl",
    "E125",
)
bad(
    "fallback-cycle",
    HEAD
    + "".join(
        f"NotificationChannel/{name}: {{type: webhook, webhook: {{url: {{env: X}}}}, "
        f"fallback: {to}}}\n"
        for name, to in (("a", "b"), ("b", "c"), ("c", "a"))
    ),
    "E134",
    2,
)

_MAIL = "host: mail.example, from: a@agency.example"
_CUSTOMERS = f"type: smtp, audience: customers, smtp: {{{_MAIL}}}"
_BOX = "host: pop.example, credentials: {username: {env: X}, password: {env: Y}}"
channel("audience", f"type: smtp, audience: all, smtp: {{{_SMTP}}}", "E123")
channel("customers-no-contact", _CUSTOMERS, "E125")
channel("customers-short-contact", f"{_CUSTOMERS}, contact: us", "E124")
channel("customers-two-lines", f'{_CUSTOMERS}, contact: "Agency\\nBcc: x@y.z"', "E124")
channel(
    "contact-of-the-team", f"type: smtp, contact: Agency, smtp: {{{_SMTP}}}", "E125"
)
channel(
    "customers-with-to",
    f"type: smtp, audience: customers, contact: Agency, smtp: {{{_SMTP}}}",
    "E125",
)
channel(
    "customers-with-number",
    f"type: twilio, audience: customers, contact: Agency, twilio: {{{_TWILIO}}}",
    "E125",
)
for block in ("webhook", "heartbeat", "apprise"):
    spec = f"audience: customers, contact: Agency, {block}: {{url: {{env: X}}}}"
    channel(f"customers-by-{block}", f"type: {block}, {spec}", "E125")
for field in (
    "events: []",
    "minSeverity: error",
    "unknownAfter: 1h",
    'quietHours: "21:00-08:00"',
    "timeZone: Europe/Amsterdam",
    "language: nl",
):
    name = f"customers-{field.partition(':')[0]}"
    channel(name, f"{_CUSTOMERS}, contact: Agency, {field}", "E125")
channel(
    "confirm-of-mail",
    f"type: smtp, smtp: {{{_SMTP}}}, confirmWithin: 5m",
    "E125",
)
smtp("bounces-text", f"{_SMTP}, bounces: pop.example", "E122")
smtp("bounces-no-login", f"{_SMTP}, bounces: {{host: pop.example}}", "E121")
smtp("bounces-no-tls", f"{_SMTP}, bounces: {{{_BOX}, tls: none}}", "E125")
smtp("bounces-tls", f"{_SMTP}, bounces: {{{_BOX}, tls: starttls}}", "E123")
smtp("bounces-port", f"{_SMTP}, bounces: {{{_BOX}, port: 0}}", "E124")
smtp(
    "bounces-plain-secret",
    f"{_SMTP}, bounces: {{{_BOX.replace('{env: Y}', 'canary-seven-plain')}}}",
    "E150",
    "canary-seven-plain",
)
