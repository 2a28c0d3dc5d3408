"""Rules over the registries: kinds, vendors, commands, errors."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import typing

import click
import pytest

from reconciler import cli, errors, providers
from reconciler.errors import ReconcilerError
from reconciler.kinds import kinds
from reconciler.model import Driver, OpClass, Witness
from reconciler.model.driver import Probe
from reconciler.testing import DriverContract
from tests.house.tree import ROOT, files, text, under
from tests.support.probes import ProbeContract
from tests.support.witness_contract import WitnessContract

DRIVERS = sorted(
    module.name
    for module in pkgutil.iter_modules(providers.__path__)
    if not module.name.startswith("_")
)
#: Nobody is asked there, so that there is no vendor whose answers could be lost.
NOBODYS = {
    "own_billing",
    "keys_issuance",
    "nginx_install",
    "usage_outlook",
    "usage_health",
    "usage_trouble",
    "public_health",
}
#: What cannot be changed there is for a person.
READ_ONLY = {"paypal_payment", "keys_issuance"}
DOCS = [name for name in under("docs/", ".md") if not name.startswith("docs/adr/")]


def test_the_registries_are_not_empty():
    assert {"Provider", "RecordSet", "Domain"} <= set(kinds())
    assert DRIVERS
    assert cli.COMMANDS


@pytest.mark.parametrize("name", sorted(kinds()))
def test_kind_has_a_committed_schema(name):
    assert f"schemas/{name}.schema.json" in files()


@pytest.mark.parametrize("name", sorted(kinds()))
def test_kind_says_what_it_is(name):
    kind = kinds()[name]
    assert kind.__dict__.get("__doc__")
    assert kind.model_fields["spec"].annotation.__dict__.get("__doc__")


@pytest.mark.parametrize("name", sorted(kinds()))
def test_kind_is_in_the_reference_of_the_yaml(name):
    assert f"## {name}" in text("docs/yaml.md")


@pytest.mark.parametrize("name", sorted(kinds()))
def test_every_field_of_a_kind_is_in_the_reference(name):
    """Nested ones too: as `field`, or as `parent.field`."""
    page = text("docs/yaml.md")
    spec = kinds()[name].model_fields["spec"].annotation
    schema = spec.model_json_schema()
    models = [schema, *schema.get("$defs", {}).values()]
    fields = {field for model in models for field in model.get("properties", {})}
    assert fields
    assert {f for f in fields if not re.search(rf"[`.{{]{f}[`:.]", page)} == set()


@pytest.mark.parametrize("name", sorted(kinds()))
def test_kind_declares_every_change_once(name):
    verbs = [change.model_fields["verb"].default for change in kinds()[name].changes]
    assert len(verbs) == len(set(verbs))


@pytest.mark.parametrize("module", DRIVERS)
def test_vendor_has_one_driver(module):
    vendor, _, family = module.rpartition("_")
    made = importlib.import_module(f"reconciler.providers.{module}").DRIVER
    assert issubclass(made, Driver)
    assert providers.driver_class(vendor, family) is made


@pytest.mark.parametrize("module", DRIVERS)
def test_vendor_keeps_the_contract(module):
    """In its own test, which subclasses it: a driver that does not keep it is none."""
    made = importlib.import_module(f"reconciler.providers.{module}").DRIVER
    assert f"tests/providers/test_{module}.py" in files()
    if module in NOBODYS:
        assert not made.credentials
        return
    found = vars(importlib.import_module(f"tests.providers.test_{module}")).values()
    contract: tuple[type, ...] = (DriverContract,)
    if issubclass(made, Witness):
        contract = (WitnessContract,)
    elif issubclass(made, Probe):
        contract = (DriverContract, ProbeContract)
    suites = [
        one
        for one in found
        if inspect.isclass(one)
        and issubclass(one, contract)
        and one.__name__.startswith("Test")
    ]
    assert made in [suite.driver for suite in suites]


@pytest.mark.parametrize("module", DRIVERS)
def test_vendor_says_where_its_facts_are_from(module):
    assert inspect.getdoc(importlib.import_module(f"reconciler.providers.{module}"))


@pytest.mark.parametrize("module", DRIVERS)
def test_vendor_can_only_what_its_kind_knows(module):
    made = importlib.import_module(f"reconciler.providers.{module}").DRIVER
    assert set(made.can) <= _verbs(made)


def test_the_reference_says_what_each_registrar_can():
    """The table has a column for each verb, in this order; ``-`` is *cannot*."""
    verbs = ["renew", "auto-renew", "lock", "privacy", "delegate", "ds", "glue"]
    verbs += ["restore", "block-transfer"]
    row = re.compile(
        r"^\| `(\w+)` \|" + r"([^|\n]+)\|" * len(verbs) + "$", re.MULTILINE
    )
    said = {
        vendor: {verb for verb, cell in zip(verbs, cells, strict=True) if cell != " - "}
        for vendor, *cells in row.findall(text("docs/yaml.md"))
        if vendor != "type"
    }
    registrars = [name for name in DRIVERS if name.endswith("_domain")]
    assert said == {
        name.removesuffix("_domain"): set(
            importlib.import_module(f"reconciler.providers.{name}").DRIVER.can
        )
        for name in registrars
    }


@pytest.mark.parametrize("module", DRIVERS)
def test_every_verb_has_an_operation_class(module):
    made = importlib.import_module(f"reconciler.providers.{module}").DRIVER
    reads_only = issubclass(made, Witness | Probe) or module in READ_ONLY
    assert bool(made.can) != reads_only
    assert {type(op_class) for op_class in made.can.values()} <= {OpClass}


@pytest.mark.parametrize("module", DRIVERS)
def test_keys_are_remembered_where_they_are_honoured(module):
    """A keyed verb is sent again only while the vendor remembers its key."""
    made = importlib.import_module(f"reconciler.providers.{module}").DRIVER
    keyed = OpClass.KEYED in made.can.values()
    assert (made.key_life is not None) or not keyed


def _verbs(made):
    """The verbs of the changes that a driver's type says it takes."""
    for base in inspect.getmro(made):
        for generic in getattr(base, "__orig_bases__", ()):
            if typing.get_origin(generic) is Driver:
                _, changes = typing.get_args(generic)
                known = typing.get_args(changes) or (changes,)
                return {one.model_fields["verb"].default for one in known}
    raise AssertionError(f"{made} does not say which changes it takes")


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_command_has_a_module_and_help(name):
    command = importlib.import_module(f"reconciler.cli.{name}_command").COMMAND
    assert isinstance(command, click.Command)
    assert command.name == name
    assert command.help
    assert cli.COMMANDS[name]


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_options_of_a_command_can_be_understood(name):
    """Every option has help, or a name for its value that says it."""
    command = importlib.import_module(f"reconciler.cli.{name}_command").COMMAND
    mute = [
        option.name
        for one in _all(command)
        for option in one.params
        if isinstance(option, click.Option)
        if not option.help and not option.metavar and option.name not in {"form", "out"}
        if not isinstance(option.type, click.Choice)
    ]
    assert mute == []


def _all(command):
    yield command
    for child in getattr(command, "commands", {}).values():
        yield from _all(child)


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_command_is_in_the_documentation(name):
    pages = [text("README.md"), *map(text, DOCS)]
    assert any(f"reconciler {name}" in page for page in pages)


def test_no_command_is_forgotten():
    found = {
        path.name.removesuffix("_command.py")
        for path in (ROOT / "reconciler" / "cli").glob("*_command.py")
    }
    assert found == set(cli.COMMANDS)


def _every_error():
    """All error classes there are, wherever they are defined."""
    for module in pkgutil.walk_packages(cli.__path__, "reconciler.cli."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    todo, found = [ReconcilerError], []
    while todo:
        one = todo.pop()
        found.append(one)
        todo += one.__subclasses__()
    return [one for one in found if one.__module__.startswith("reconciler.")]


def test_error_codes_are_unique():
    """A class that needs none of its own is known by its parent's."""
    codes = [one.__dict__["code"] for one in _every_error() if "code" in one.__dict__]
    assert len(codes) > 10
    assert sorted(codes) == sorted(set(codes))


def test_error_tree_in_the_docstring_is_the_tree():
    """Each mark hangs from the one before it in ``* x + .``, in the lines above."""
    drawn: dict[str, str | None] = {}
    parents: dict[str, str | None] = {"*": None}
    depth = {"*": 0, "x": 2, "+": 4, ".": 6}
    for line in errors.__doc__.splitlines():
        mark, _, rest = line.strip().partition(" ")
        if mark not in depth or not rest:
            continue
        name = rest.split()[0]
        assert len(line) - len(line.lstrip()) == depth[mark], line
        drawn[name] = parents[mark]
        if mark == "*":
            parents["x"] = name
        elif mark == "x":
            parents["+"] = name
        elif mark == "+":
            parents["."] = name
    real = {
        name: (None if one is ReconcilerError else one.__base__.__name__)
        for name, one in vars(errors).items()
        if inspect.isclass(one) and issubclass(one, ReconcilerError)
    }
    assert drawn == real
