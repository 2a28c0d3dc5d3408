"""The estate of the crash tests: two renewals, one flag and one record to mend."""

from __future__ import annotations

from collections import Counter

from reconciler.cli.apply_command import carry_out
from reconciler.sandbox.example import Oddity
from tests.support.agency import domain, inventory
from tests.support.crash import Killed, Saved, Steps, assert_accounted, converge, watch

RENEWED = "renewal: {mode: reconciler, maxPrice: 15.00 USD/year}"
ZONE = "dns: {targets: [aws], records: [{name: www, type: A, value: 192.0.2.1}]}"
FILES = inventory(
    domain("due.example", spec=RENEWED),
    domain("flag.example"),
    domain("nc.example", "namecom-main", spec=RENEWED),
    domain("zone.example", "namecom-main", spec=ZONE),
)
ODDITIES = {
    "due.example": Oddity({"expires": 20}),
    "flag.example": Oddity({"autoRenew": False}),
    "nc.example": Oddity({"expires": 20}),
}
WANTED = Counter(
    {
        ("porkbun", "renew", "due.example"): 1,
        ("porkbun", "updateAutoRenew", "flag.example"): 1,
        ("namecom", "renew", "nc.example"): 1,
        ("aws", "ChangeResourceRecordSets", ""): 1,
    }
)


class Scene:
    """One agency that can be sent back to its beginning; a record was edited in git."""

    def __init__(self, agency):
        self.agency = agency
        agency.edit("inventory/domains.yaml", "192.0.2.1", "192.0.2.2")
        agency.commit()
        self.saved = Saved(agency)
        self.whole = self.run()
        assert_accounted(self.agency, WANTED)

    def run(self, *deaths):
        """Begin anew, die at each of *deaths*; return the names of the last steps."""
        self.saved.restore()
        steps = Steps()
        for death in deaths or (0,):
            steps = Steps(death)
            try:
                carry_out(watch(self.agency.project(), steps))
            except Killed:
                self.agency.later(minutes=31)
            else:
                assert death not in {len(steps.names), *steps.names}
        return steps.names

    def settled(self):
        """Run to the end and check the world and the books."""
        converge(self.agency)
        assert_accounted(self.agency, WANTED)
