"""The sites of Plesk's XML API, and their certificates; see ``plesk_xml.py``."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from reconciler.sandbox import panel_sites
from reconciler.sandbox import plesk_words as words
from reconciler.sandbox.plesk_packets import (
    EXISTS,
    MISSING,
    WRONG,
    No,
    ok,
    properties,
    put,
    tried,
)
from reconciler.sandbox.rest import Call


def sites(call: Call, asked: Element) -> Iterator[Element]:
    """Return the sites that are no subscription's main one."""
    del asked
    found = [
        (row, name, site)
        for row in call.state["accounts"].values()
        for name, site in row["sites"].items()
        if name != row["domain"]
    ]
    if not found:
        yield ok()
    for row, name, site in found:
        result = ok(filter_id=site["id"], id=site["id"])
        data = put(result, "data")
        info = put(data, "gen_info")
        put(info, "cr_date", "2026-01-01")
        put(info, "name", name)
        put(info, "ascii-name", name)
        put(info, "status", row["status"])
        put(info, "real_size", 0)
        put(info, "htype", "vrt_hst")
        put(info, "guid", words.guid(name))
        put(info, "webspace-guid", row["guid"])
        put(info, "sb-site-uuid", "")
        put(info, "webspace-id", row["id"])
        properties(put(data, "hosting"), row, site)
        yield result


def pool(call: Call, asked: Element) -> Iterator[Element]:
    """Return the names of what is in a subscription's repository."""
    name = asked.findtext("filter/domain-name") or ""
    row = words.called(call.state, name)
    if row is None:
        yield tried(name, lambda: _raise(MISSING, "Domain does not exist."))
        return
    result = ok(filter_id=name, id=row["id"])
    listed = put(result, "certificates")
    for called in sorted(row["pool"]):
        put(put(listed, "certificate"), "name", called)
    yield result


def _raise(code: int, text: str) -> Element:
    raise No(code, text)


def install(call: Call, asked: Element) -> Iterator[Element]:
    """Put a certificate into a subscription's repository."""
    name = asked.findtext("name") or ""
    yield tried(name, lambda: _installed(call, asked, name))


def _installed(call: Call, asked: Element, name: str) -> Element:
    row = words.called(call.bench.state, asked.findtext("webspace") or "")
    if row is None:
        raise No(MISSING, "Domain does not exist.")
    if name in row["pool"]:
        raise No(EXISTS, f"The certificate {name} already exists.")
    given = {
        tag: asked.findtext(f"content/{tag}") or ""
        for tag in ("csr", "pvt", "cert", "ca")
    }
    try:
        found = panel_sites.read(given["cert"])
        key = load_pem_private_key(given["pvt"].encode(), None)
    except (ValueError, TypeError, IndexError):
        raise No(WRONG, "Unable to set the private key or certificate.") from None
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != found.public_key().public_bytes(*form):
        raise No(WRONG, "The private key does not match the certificate.")
    row["pool"][name] = {
        "pem": given["cert"],
        "key": given["pvt"],
        "cab": given["ca"],
        "automatic": False,
    }
    return ok()


def site_set(call: Call, asked: Element) -> Iterator[Element]:
    """Have a site serve a certificate of its subscription's repository."""
    for one in asked.findall("filter/name"):
        name = (one.text or "").lower()
        yield tried(name, lambda name=name: _assigned(call, asked, name))  # type: ignore[misc]


def _assigned(call: Call, asked: Element, name: str) -> Element:
    row = words.owner(call.bench.state, name)
    if row is None:
        raise No(MISSING, "site does not exist")
    settings = {
        one.findtext("name"): one.findtext("value") or ""
        for one in asked.findall("values/hosting/vrt_hst/property")
    }
    called = settings.get("certificate_name", "")
    if called not in row["pool"]:
        raise No(WRONG, f"Unable to find the certificate {called}.")
    site = row["sites"][name]
    site.update(row["pool"][called], certificate=called)
    words.changed(call.bench, {"domain": name}, "assign", certificate=called)
    if row["half"]:
        raise No(WRONG, "Unable to reconfigure the web server.")
    return ok(filter_id=name, id=site["id"])
