"""What an authority hands out, proven before it is kept: names, key, chain, dates."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from cryptography import x509

from reconciler.errors import Rejected
from reconciler.model import Receipt
from reconciler.model.material import Material
from reconciler.providers._acme import Acme
from reconciler.providers._acme_job import Job
from reconciler.providers._acme_orders import Order
from reconciler.providers._certificate import (
    certificates,
    chain_pem,
    fingerprint,
    key_pem,
    names_of,
    wrong,
)

_TYPE: Final = "application/pem-certificate-chain"


def certified(
    acme: Acme, job: Job, order: Order, now: datetime
) -> tuple[Material, x509.Certificate]:
    """
    Fetch the certificate of *order*; return it with its key, and its leaf.

    The first chain is taken; alternate ones (RFC 8555, 7.4.2) are not looked at.

    Raises:
        Rejected: It is not what was asked for; it is not kept.
    """
    assert job.key is not None  # noqa: S101  (see ``_acme_job.begin``)
    if order.certificate is None:
        raise Rejected("the authority does not say where the certificate is")
    answer = acme.get(order.certificate, "get-certificate", accept=_TYPE)
    material = Material(key_pem(job.key), chain_pem(certificates(answer.body)))
    chain = certificates(material.chain)
    if why := _not_asked_for(chain, material.key, job, now):
        raise Rejected(f"the authority signed something else: {why}")
    return material, chain[0]


def _not_asked_for(
    chain: list[x509.Certificate], key: bytes, job: Job, now: datetime
) -> str | None:
    leaf = chain[0]
    if names_of(leaf) != tuple(sorted(job.names)):
        return "it is not for the names that were ordered"
    if leaf.not_valid_after_utc <= now:
        return "it has ended already"
    if leaf.not_valid_before_utc >= leaf.not_valid_after_utc:
        return "it ends before it begins"
    return wrong(chain, key)


def evidence(job: Job, leaf: x509.Certificate) -> Receipt:
    """Return what is recorded of a certificate that was issued."""
    return Receipt(
        reference=job.url or "",
        details={
            "fingerprint": fingerprint(leaf),
            "serial": f"{leaf.serial_number:x}",
            "not_after": leaf.not_valid_after_utc.isoformat(),
            "names": len(job.names),
            **({"profile": job.profile} if job.profile else {}),
            **({"resumed": True} if job.resumed else {}),
        },
    )
