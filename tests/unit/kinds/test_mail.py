"""MTA-STS and TLS-RPT: what is said, and that nothing is where no mail comes in."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.kinds.domain.mail import CHECKS, MailState, receiving


def codes(state: MailState | None) -> dict[str, str]:
    return {code: str(level) for code, level, _, _ in receiving(state)}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"sts": "enforce", "reports": True}, {}),
        ({"sts": "testing", "reports": True}, {}),
        ({"reports": True}, {"mta-sts-missing": "info"}),
        ({"sts": "enforce", "reports": False}, {"tls-rpt-missing": "info"}),
        ({"wrong": "it is served nowhere"}, {"mta-sts-broken": "warning"}),
        ({"unknown": "no answer"}, {"mta-sts-unknown": "warning"}),
    ],
)
def test_each_is_said_once(fields: dict[str, Any], said: dict[str, str]) -> None:
    assert codes(MailState(**fields)) == said
    assert set(said) <= set(CHECKS)


def test_a_name_without_mail_has_nothing_to_mend() -> None:
    assert codes(None) == {}
