"""Plan documents in as few words as the renderers' tests need."""

from __future__ import annotations

import hashlib

DIGEST = "51be07a1c2d3e4f5"


def hexed(text, length):
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def action(name="a.example", verb="records", **fields):
    kind = fields.pop("kind", "Domain")
    key = f"{kind}/{name}/{verb}"
    made = {
        "id": hexed(key, 32),
        "digest": hexed(f"digest {key}", 16),
        "kind": kind,
        "name": name,
        "uid": name,
        "verb": verb,
        "provider": "porkbun-main",
        "decision": "allow",
        "op_class": "probe",
        "risk": "none",
        "reversible": True,
        "because": "the record differs",
        "source": {"file": f"inventory/{name}.yaml", "line": 7, "column": 3},
        "entry": None,
        "via": [],
        "wave": 0,
        "resumes": False,
        "changes": [changed()],
        "cost": None,
        "charge": None,
        "only_holds": False,
        "ceiling": None,
        "needs": [],
        "due": None,
        "policy": [],
    }
    return {**made, **fields}


def changed(field="spec.dns.records[www/A]", before="192.0.2.1", after="192.0.2.9"):
    return {"field": field, "before": before, "after": after}


def renewal(name="old.example", cost="10.42", **fields):
    made = {
        "risk": "money",
        "reversible": False,
        "op_class": "keyed",
        "because": "expires in 20 d",
        "changes": [changed("spec.renewal", "2026-12-12", "2027-12-12")],
        "cost": {"amount": cost, "currency": "USD"},
        "ceiling": {"amount": "15.00", "currency": "USD"},
        "due": "2026-12-12T00:00:00Z",
    }
    return action(name, "renew", **{**made, **fields})


def charge(name="acme", amount="12.10", verb="charge", currency="EUR", **fields):
    """A client pays; of what is authorized the money is only held."""
    made = {
        "kind": "Subscription",
        "provider": "stripe",
        "risk": "money" if verb != "authorize" else "none",
        "reversible": verb == "authorize",
        "op_class": "keyed",
        "because": f"{amount} {currency} of ACME-0001 by {name}-card",
        "changes": [changed("spec.customer", None, f"{name} 2026-12-01 paid")],
        "charge": {"amount": amount, "currency": currency},
        "only_holds": verb == "authorize",
        "ceiling": {"amount": "250.00", "currency": currency},
        "due": "2026-12-01T08:00:00Z",
    }
    return action(name, verb, **{**made, **fields})


def pending(made):
    """What its account still works on."""
    verdict = {
        "rule": "built-in/pending",
        "decision": "hold",
        "why": "the gateway is still deciding about the payment",
    }
    return {**made, "decision": "hold", "policy": [verdict]}


def paying():
    """A morning on which many clients pay, and something else happens too."""
    dear = charge("dear", "1250.00")
    return plan(
        [
            renewal("shop.example", "12.00"),
            *[charge(f"client{number:03}") for number in range(412)],
            charge("held-first", "39.00", "authorize"),
            held(dear, "ApprovalRule/charges", "needs approval of billing", "billing"),
            *[pending(charge(f"sepa{number}", "20.00")) for number in range(3)],
        ],
        due=[
            due("shop.example", cost="12.00 USD"),
            due(
                "acme",
                "2026-12-04T08:00:00Z",
                kind="Subscription",
                what="2026-12-04 is charged",
                cost=None,
                charge="1716.00 EUR",
            ),
        ],
    )


def held(made, rule="ApprovalRule/money", why="over the standing ceiling", *needs):
    verdict = {"rule": rule, "decision": "hold", "why": why}
    return {**made, "decision": "hold", "policy": [verdict], "needs": list(needs)}


def denied(made, rule="Freeze/holidays", why="frozen until 2027-01-02"):
    verdict = {"rule": rule, "decision": "deny", "why": why}
    return {**made, "decision": "deny", "policy": [verdict]}


def of_site(made, site, profile=None, line=5):
    via = [f"Site/{site}", *([f"SiteProfile/{profile}"] if profile else [])]
    label = site.partition(".")[0]
    entry = {"file": f"inventory/clients/{label}.yaml", "line": line, "column": 1}
    return {**made, "via": via, "entry": entry}


def finding(name="c.example", severity="warning", message="is odd", **fields):
    made = {
        "code": "domain-odd",
        "severity": severity,
        "kind": "Domain",
        "name": name,
        "message": message,
        "source": {"file": f"inventory/{name}.yaml", "line": 2, "column": 1},
    }
    return {**made, **fields}


def due(name="d.example", at="2026-12-01T00:00:00Z", **fields):
    made = {
        "at": at,
        "kind": "Domain",
        "name": name,
        "what": "renews (registrar)",
        "cost": "10.42 USD",
        "charge": None,
        "by": "auto",
    }
    return {**made, **fields}


def unmanaged(name="z.example", provider="porkbun-main"):
    return {"kind": "Domain", "name": name, "provider": provider}


def unknown(name="u.example", why="401 Unauthorized", provider="aws"):
    place = {"provider": provider, "family": "dns"}
    return {"kind": "Domain", "name": name, "why": why, **place}


def deferred(name="l.example"):
    made = {"verb": "renew", "because": "the registry takes it later"}
    return {"kind": "Domain", "name": name, "until": "2026-12-05T00:00:00Z", **made}


def drift(name="m.example", disposition="report"):
    place = {"kind": "Domain", "name": name, "provider": "porkbun-main"}
    told = {"field": "spec.privacy", "wanted": True, "live": False}
    return {**place, **told, "disposition": disposition}


def plan(actions=(), **fields):
    words = [one["decision"] for one in actions]
    made = {
        "format": "reconciler.plan/v1",
        "digest": DIGEST,
        "env": "main",
        "as_of": "2026-11-22T06:00:00Z",
        "base": "a" * 40,
        "commit": "b" * 40,
        "observed": None,
        "complete": not fields.get("unknown"),
        "summary": {
            "noop": "allow" not in words,
            "actions": len(actions),
            "by_verb": {},
            "by_decision": {word: words.count(word) for word in sorted(set(words))},
            "cost": [],
            "charge": [],
        },
        "actions": list(actions),
        "findings": [],
        "drift": [],
        "unmanaged": [],
        "unknown": [],
        "deferred": [],
        "due": [],
    }
    return {**made, **fields}


def rich():
    """A plan with one of everything, as an agency would meet it on a bad Monday."""
    care = {"amount": "120.00", "currency": "EUR"}
    dns = [changed(), changed("spec.dns.records[@/MX]", None, ["10 mx.example."])]
    actions = [
        renewal("bakkerij.example"),
        renewal("fietsenmaker.example", "11.08"),
        held(renewal("oldshop.example", "31.00"), "Budget/month", "80.00 USD are spent"),
        held(
            action("stale.example", "prune", risk="destructive", changes=[changed("spec.dns.records[old/A]", "192.0.2.7", None)]),
            "ApprovalRule/destruction", "removes a record", "operations",
        ),
        held(
            action("cafe.example", "delegate", risk="disruptive", because="the registrar lists other nameservers",
                   changes=[changed("spec.nameservers", ["ns1.old.example.", "ns2.old.example."], ["ns1.example.", "ns2.example."])]),
            "built-in/drift", "was changed by hand, and a person should say who is right", "review",
        ),
        denied(action("frozen.example", "lock", changes=[changed("spec.transferLock", False, True)])),
        of_site(action("novalaw.example", "create", provider="aws", because="is not there yet"), "novalaw.example"),
        of_site(held(action("novalaw.example", "create", kind="Subscription", provider="stripe", charge=care, risk="money", because="a new client", source={"file": "inventory/clients/novalaw.yaml", "line": 5, "column": 3}, changes=[]), "ApprovalRule/first-charge", "first charge on a new method", "billing"), "novalaw.example"),
        *[
            of_site(action(f"shop{number:03}.example", verb, provider="aws", changes=dns), f"shop{number:03}.example", "wp-shop")
            for number in range(212) for verb in ("records", "create")
        ],
        *[action(f"plain{number:02}.example", changes=[changed("spec.privacy", False, True)], verb="privacy", because="privacy is off") for number in range(24)],
    ]  # fmt: skip
    return plan(
        actions,
        observed="2026-11-22T03:12:00Z",
        findings=[
            finding("oldshop.example", "critical", "expires on 2026-11-27, in 5 d, not renewed yet", code="domain-critical"),
            finding("lapsed.example", "critical", "expired on 2026-11-20; it can still be renewed", code="domain-expired"),
            finding("fiets.example", "error", "ns2.old.example does not answer for the zone", code="lame-nameserver"),
            finding("porkbun-main", "error", "has 20.00 USD of prepaid credit, planned are 52.50 USD", kind="Provider", code="balance-too-low", source=None),
            finding("a.example", "warning", "was removed from the inventory and still exists; it is left alone", code="orphaned"),
            finding("b.example", "info", "has no registrar account: nothing is read about it yet", code="watched-only"),
        ],
        unknown=[unknown(f"u{number}.example") for number in range(5)],
        unmanaged=[unmanaged(), unmanaged("y.example"), unmanaged("www.example", "aws")],
        deferred=[deferred()],
        drift=[drift()],
        due=[
            due("bakkerij.example", "2026-11-27T00:00:00Z"),
            due("oldshop.example", "2026-12-12T00:00:00Z", cost="31.00 USD"),
            due("corp-visa", "2026-11-30T00:00:00Z", kind="PaymentMethod", what="ends; funds 211 domains", cost=None, by="you"),
            *[due(f"d{number:02}.example", f"2026-12-{1 + number % 22:02}T00:00:00Z") for number in range(40)],
        ],
    )  # fmt: skip


def large(number):
    """Of every ten: one renewal, one held alone, four of profiles, four alone."""
    made = []
    for n in range(number):
        name = f"name{n:05}.example"
        kind = n % 10
        if kind == 0:
            made.append(renewal(name))
        elif kind == 1:
            field = changed(
                "spec.nameservers", ["ns1.old.example."], [f"ns{n}.example."]
            )
            moved = action(name, "delegate", risk="disruptive", changes=[field])
            made.append(held(moved, "built-in/drift", "was changed by hand", "review"))
        elif kind < 6:
            made.append(of_site(action(name, provider="aws"), name, f"profile-{n % 3}"))
        else:
            made.append(action(name, changes=[changed(after=f"token {n}"), changed()]))
    return plan(made)
