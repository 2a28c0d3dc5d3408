"""Where what is checked is, and what it hangs on."""

from __future__ import annotations

import pytest

from reconciler.health import Places
from reconciler.inventory import WorkTree, load
from reconciler.model import Ref

WORLD = """\
apiVersion: reconciler/v1
Provider/cloud: {type: hetzner, credentials: {token: {env: T}}}
Provider/whm-1: {type: whm, ipv4: 192.0.2.9, credentials: {user: {env: U}, token: {env: T}}}
Provider/far:
  labels: {region: ams}
  type: whm
  endpoint: https://far.agency.example:2087
  credentials: {user: {env: U}, token: {env: T}}
Provider/dns: {type: powerdns, credentials: {apiKey: {env: K}}}
Server/web-1: {provider: cloud, region: fsn1, panel: whm-1, size: s}
HostingPlan/good: {price: 1.00 EUR/month, packages: {whm: good}}
Domain/a.example: {provider: none, dns: {targets: [dns]}}
Domain/b.example: {provider: none}
HostingAccount/a.example: {provider: whm-1, plan: good}
HostingAccount/bee: {provider: far, plan: good, domain: b.example}
Issuer/ca: {directory: "https://ca.example/dir", accountKey: {env: A}}
Certificate/a.example: {names: [a.example], issuers: [ca], key: {store: {file: keys}}}
HealthCheck/a: {of: Domain/a.example}
HealthCheck/b: {of: Domain/b.example}
HealthCheck/acc: {of: HostingAccount/bee, path: /shop}
HealthCheck/cert: {of: Certificate/a.example, type: tls, addresses: [v4]}
HealthCheck/panel: {of: Provider/whm-1, type: tcp, port: 2087}
HealthCheck/far: {of: Provider/far, type: tcp, port: 2087}
HealthCheck/machine: {of: Server/web-1, type: tcp, port: 22, host: web-1.a.example}
HealthCheck/page: {of: Domain/a.example, url: "https://a.example/x"}
HealthCheck/use: {of: HostingAccount/bee, type: usage, usage: {cpu: 90%}}
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("places")
    (root / "inventory").mkdir()
    (root / "inventory" / "all.yaml").write_text(WORLD)
    inventory = load(WorkTree(root))
    return inventory, Places(inventory.find, inventory.of)


CLOUD = ("Server/web-1", "Region/fsn1", "Provider/cloud")


@pytest.mark.parametrize(
    ("name", "reach", "dns", "signed"),
    [
        ("a", ("HostingAccount/a.example", "Provider/whm-1", *CLOUD), ("Provider/dns",), ("Certificate/a.example", "Issuer/ca")),
        ("b", ("HostingAccount/bee", "Provider/far", "Region/ams"), (), ()),
        ("acc", ("Provider/far", "Region/ams"), ("Domain/b.example",), ()),
        ("cert", ("HostingAccount/a.example", "Provider/whm-1", *CLOUD), ("Domain/a.example", "Provider/dns"), ("Issuer/ca",)),
        ("panel", CLOUD, (), ()),
        ("far", ("Region/ams",), (), ()),
        ("machine", CLOUD[1:], (), ()),
    ],
)  # fmt: skip
def test_what_it_hangs_on(world, name, reach, dns, signed):
    inventory, places = world
    above = places.watch(inventory.get(Ref("HealthCheck", name))).above
    assert tuple(map(str, above["reach"])) == reach
    assert tuple(map(str, above["dns"])) == dns
    assert tuple(map(str, above["certificate"])) == signed


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("a", "a.example"),
        ("acc", "b.example"),
        ("cert", "a.example"),
        ("panel", "192.0.2.9"),
        ("far", "far.agency.example"),
        ("machine", "web-1.a.example"),
        ("page", None),
        ("use", None),
    ],
)
def test_where_it_is(world, name, host):
    inventory, places = world
    assert places.located(inventory.get(Ref("HealthCheck", name))).spec.host == host
