"""DS records follow what every nameserver really serves, from one host to another."""

from __future__ import annotations

from reconciler.engine.exits import Exit
from reconciler.kinds.domain.dnssec import ds_of
from tests.support.agency import Agency, domain, inventory

KEY = (
    "257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+"
    "KkxLbxILfDLUT0rAK9iUzy1L53eKGQ=="
)
OTHER = KEY.replace("mdss", "ndss")
NAME = "signed.example"
OLD = ["ns1.old.example", "ns2.old.example"]
NEW = ["ns1.new.example", "ns2.new.example"]


def serve(agency, hosts, *keys):
    """Serve the zone from *hosts*, signed with *keys*."""
    state = agency.sandbox.bench("public").state
    state["zones"][NAME] = {"nameservers": hosts, "records": {}}
    state["oddities"][NAME] = {"keys": list(keys)}


def ds(agency):
    rows = agency.sandbox.bench("porkbun").state["accounts"][0]["domains"]
    return rows[NAME]["ds"]


def day(agency):
    agency.later(hours=25)
    return agency.apply()


def test_a_signed_zone_moves_to_another_that_is_signed(tmp_path):
    spec = f"dnssec: unmanaged, nameservers: [{', '.join(OLD)}]"
    files = inventory(domain(NAME, spec=spec))
    with Agency(tmp_path, files, public=True) as agency:
        serve(agency, OLD, KEY)
        assert agency.apply().exit is Exit.DONE
        assert ds(agency) == []

        # Wanted: the key is seen on both nameservers, and its DS is added.
        agency.edit("inventory/domains.yaml", "dnssec: unmanaged", "dnssec: sync")
        agency.commit()
        day(agency)
        assert ds(agency) == [ds_of(NAME, KEY)]
        assert agency.plan().actions == ()

        # Moved: it goes first, the delegation waits, the new key's comes last.
        agency.edit("inventory/domains.yaml", ".old.example", ".new.example")
        agency.commit()
        day(agency)
        assert ds(agency) == []
        day(agency)
        assert agency.plan().deferred
        serve(agency, NEW, OTHER)
        verbs = []
        for _ in range(4):
            verbs += [d.action.change.verb for d in day(agency).done]
        assert verbs == ["delegate", "ds"]
        assert ds(agency) == [ds_of(NAME, OTHER)]
        assert agency.plan().actions == ()

        # Rolled over by the host alone: git said nothing, so a person looks first.
        serve(agency, NEW, OTHER, KEY)
        assert day(agency).exit is Exit.UNAPPROVED
        (action,) = agency.plan().actions
        assert action.change.wanted == {ds_of(NAME, OTHER), ds_of(NAME, KEY)}
        assert ds(agency) == [ds_of(NAME, OTHER)]


def test_a_key_that_one_nameserver_lacks_gets_no_ds(tmp_path):
    spec = f"dnssec: unmanaged, nameservers: [{', '.join(OLD)}]"
    files = inventory(domain(NAME, spec=spec))
    with Agency(tmp_path, files, public=True) as agency:
        serve(agency, OLD, KEY)
        agency.sandbox.bench("public").state["oddities"][NAME]["lame"] = OLD[1:]
        agency.edit("inventory/domains.yaml", "dnssec: unmanaged", "dnssec: sync")
        agency.commit()
        for _ in range(2):
            day(agency)
        assert ds(agency) == []
        assert "dnssec-unproven" in {f.code for f in agency.plan().findings}
