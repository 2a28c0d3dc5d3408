"""What octoDNS does not read is named, but for what is the host's own."""

from octodns_powerdns import PowerDnsProvider

from reconciler.providers._octodns_types import unread
from reconciler.providers._powerdns_zone import PowerDnsZone


def test_what_no_reading_shows_is_named():
    supported = PowerDnsProvider.SUPPORTS
    assert unread(supported, "A") is None
    assert unread(supported, "SOA") is None
    assert unread(supported, "OPENPGPKEY") == "octoDNS reads no OPENPGPKEY records here"


def test_a_reading_of_powerdns_tells_what_it_leaves_out():
    zone = PowerDnsZone.__new__(PowerDnsZone)
    zone._zone, zone.foreign = "a.example", {}
    rrsets = [
        {"name": f"{name}a.example.", "type": rtype, "records": []}
        for name, rtype in (("", "SOA"), ("k.", "OPENPGPKEY"), ("www.", "A"))
    ]
    kept = zone._clean({"rrsets": rrsets})["rrsets"]
    assert [rrset["type"] for rrset in kept] == ["SOA", "A"]
    assert zone.foreign == {"k/OPENPGPKEY": "octoDNS reads no OPENPGPKEY records here"}
