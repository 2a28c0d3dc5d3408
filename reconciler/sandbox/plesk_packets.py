"""
What packets of Plesk's XML API are made of; shared by what answers them.

Numbers of errors are those of docs.plesk.com, "Reduced List of Error Codes".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement

from reconciler.sandbox import plesk_words as words

Row = dict[str, Any]
EXISTS: Final = 1007
MISSING: Final = 1013
PARSER: Final = 1014
WRONG: Final = 1023


class No(Exception):
    """An operation that failed: a number and its words."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def failed(inside: Element, code: int, text: str) -> Element:
    """Write a failure into *inside*, and return that."""
    put(inside, "status", "error")
    put(inside, "errcode", code)
    put(inside, "errtext", text)
    return inside


def put(inside: Element, tag: str, value: Any = None) -> Element:
    """Add an element to *inside*, and return it."""
    made = SubElement(inside, tag)
    if value is not None:
        made.text = str(value).lower() if isinstance(value, bool) else str(value)
    return made


def ok(**more: Any) -> Element:
    """Return a result that is a success."""
    result = Element("result")
    put(result, "status", "ok")
    for tag, value in more.items():
        put(result, tag.replace("_", "-"), value)
    return result


def tried(name: str, do: Callable[[], Element]) -> Element:
    """Return the result of *do*, or its failure."""
    try:
        return do()
    except No as no:
        result = failed(Element("result"), no.code, str(no))
        put(result, "filter-id", name)
        return result


def properties(inside: Element, row: Row, site: Row) -> None:
    """Write the hosting of a site of *row* into *inside*."""
    hosting = put(inside, "vrt_hst")
    settings = {
        "ssl": str(bool(site["pem"])).lower(),
        "certificate_name": site["certificate"],
        "ftp_login": row["user"],
        "ftp_password": "",
        "ftp_quota": words.NO_LIMIT,
        "php": "true",
        "php_handler_id": row["php"],
        "www_root": f"/var/www/vhosts/{row['domain']}/httpdocs",
    }
    for name, value in settings.items():
        one = put(hosting, "property")
        put(one, "name", name)
        put(one, "value", value)
    put(hosting, "ip_address", "192.0.2.30")
