"""Every server of a sandbox has a port of its own."""

from __future__ import annotations

import re
from collections import Counter

from reconciler.inventory import WorkTree, load
from reconciler.kinds.provider import Provider
from reconciler.model import Ref
from reconciler.sandbox.emulator import CONTROL_PORT, emulator
from tests.house.tree import ROOT, text, under


def ports() -> dict[str, int]:
    """The usual port of each emulator, by its vendor."""
    modules = under("reconciler/sandbox/", ".py")
    names = [
        path.rpartition("/")[2].removesuffix(".py")
        for path in modules
        if "\nEMULATOR = " in text(path)
    ]
    assert len(names) > 20
    return {name: emulator(name).port for name in names}


def test_no_two_emulators_have_the_same_port() -> None:
    counted = Counter([CONTROL_PORT, *ports().values()])
    assert {port for port, many in counted.items() if many > 1} == set()


def test_the_example_agency_takes_no_port_of_another_server() -> None:
    """`sandbox up` begins its receiver and its control where nobody says otherwise."""
    found = load(WorkTree(ROOT))
    taken: dict[int, str] = {}
    for ref in found.refs():
        if ref.kind != "Provider":
            continue
        one = found.get(Ref("Provider", ref.name))
        assert isinstance(one, Provider)
        port = re.search(r"127\.0\.0\.1:(\d+)", one.spec.endpoint or "")
        if port:
            taken[int(port[1])] = one.spec.type
    others = {port: name for name, port in ports().items()} | {CONTROL_PORT: "control"}
    assert {
        port: (vendor, others[port])
        for port, vendor in taken.items()
        if others.get(port, vendor) != vendor
    } == {}
