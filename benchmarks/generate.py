"""A made-up estate of any size; the same arguments give the same bytes."""

from __future__ import annotations

import sys
from pathlib import Path

SHARED = """\
apiVersion: reconciler/v1
Provider/porkbun-main:
  type: porkbun
  endpoint: http://127.0.0.1:8001
  credentials: {apiKey: {env: PORKBUN_API_KEY}, secretKey: {env: PORKBUN_SECRET_KEY}}
Provider/powerdns-main:
  type: powerdns
  endpoint: http://127.0.0.1:8081
  credentials: {apiKey: {env: POWERDNS_API_KEY}}
RecordSet/mail:
  records:
    - {name: "@", type: MX, values: [10 mx1.mail.example., 20 mx2.mail.example.]}
    - {name: _dmarc, type: TXT, value: v=DMARC1; p=reject}
"""
DOMAIN = """\
Domain/{name}:
  labels: {{customer: c{customer:05d}}}
  provider: porkbun-main
  renewal: {{maxPrice: 15.00 EUR/year, window: {{open: {days}d}}}}
  dns:
    targets: [powerdns-main]
    records:
      - {{name: "@", type: A, value: 192.0.2.{host}}}
      - {{name: www, type: CNAME, value: {name}.}}
      - {{name: "@", type: MX, values: [10 mx1.mail.example., 20 mx2.mail.example.]}}
      - {{name: "@", type: TXT, value: "v=spf1 include:_spf.mail.example -all"}}
"""
#: One domain in so many includes the shared records instead of its own MX.
INCLUDING = 50


def domain(number: int, customer: int) -> str:
    """Return the YAML of one domain, about 480 bytes."""
    text = DOMAIN.format(
        name=f"site-{number:06d}.example",
        customer=customer,
        days=45 + number % 30,
        host=1 + number % 250,
    )
    if number % INCLUDING:
        return text
    rows = text.splitlines(keepends=True)
    kept = [row for row in rows if "type: MX" not in row]
    return "".join(kept).replace(
        "    records:\n", "    include: [mail]\n    records:\n"
    )


def generate(folder: Path, resources: int, per_file: int = 10) -> None:
    """
    Write an inventory of *resources* (two Providers and a RecordSet among them).

    Args:
        folder: The inventory folder itself; it is made.
        resources: At least 3.
        per_file: Domains in one customer's file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "house.yaml").write_text(SHARED)
    domains = resources - 3
    for customer, start in enumerate(range(0, domains, per_file)):
        below = folder / "clients" / f"{customer // 100:04d}"
        below.mkdir(parents=True, exist_ok=True)
        numbers = range(start, min(start + per_file, domains))
        rows = [domain(number, customer) for number in numbers]
        text = "".join(("apiVersion: reconciler/v1\n", *rows))
        (below / f"c{customer:05d}.yaml").write_text(text)


if __name__ == "__main__":
    generate(Path(sys.argv[1]), int(sys.argv[2]))
