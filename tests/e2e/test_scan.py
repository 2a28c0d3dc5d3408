"""The scan from the command line: plan, explain, scan, SARIF, and sslyze beside it."""

from __future__ import annotations

import json
import sys

import pytest

from reconciler.engine import Exit
from tests.support.agency import Agency, domain, inventory
from tests.support.public import trouble

ZONE = (
    'dns: {targets: [aws], records: [{name: "@", type: A, value: 192.0.2.1}, '
    '{name: "@", type: TXT, value: v=spf1 -all}, '
    "{name: _dmarc, type: TXT, value: v=DMARC1; p=reject}, "
    '{name: "@", type: CAA, value: \'0 issue "ca.example"\'}]}'
)
FILES = inventory(
    domain("shop.example", "namecom-main", spec=ZONE),
    "Certificate/shop: {mode: observe, names: [shop.example]}\n",
)
EVIL = "\x1b]0;owned\x07"
WEB = "web-csp:Certificate/shop:shop.example"
EXPOSED = "file-exposed:Certificate/shop:shop.example/.env"
POLICY = """\
apiVersion: reconciler/v1
ScanPolicy/agency:
  block: error
  ignore:
    - {id: "%s", reason: a plugin, expires: 2026-12-31, approver: "@ann"}
"""


@pytest.fixture
def agency(tmp_path):
    with Agency(tmp_path, FILES, {}, public=True) as made:
        yield made


def odd(agency, **fields):
    agency.sandbox.edit("public", "site", {"name": "shop.example", **fields})


def test_a_sound_name_has_its_grade_and_nothing_to_mend(agency):
    said = agency.cli("scan")
    assert (said.code, said.err) == (Exit.DONE, "")
    assert said.out.splitlines()[0] == "A+   115  shop.example"
    assert "grade A+ · score 115" in agency.cli("explain", "Certificate/shop").out
    # One look a day serves all three.
    first = agency.sandbox.ledger.requests()["public"]["web-https"]
    agency.cli("plan")
    assert agency.sandbox.ledger.requests()["public"]["web-https"] == first


def test_what_is_found_is_shown_ignored_and_blocks(agency):
    headers = {"Content-Security-Policy": None, "X-Frame-Options": EVIL}
    odd(agency, headers=headers, files={".env": f"KEY={EVIL}\n"})
    plan = agency.cli("-v", "plan")
    assert plan.code == Exit.DONE
    assert WEB in plan.out
    assert EXPOSED in plan.out
    assert "owned" not in plan.out
    agency.write("policies/scan.yaml", POLICY % WEB)
    agency.commit()
    blocked = agency.cli("plan", "--format", "json")
    assert blocked.code == Exit.DENIED
    standing = {f["id"]: f["standing"] for f in json.loads(blocked.out)["findings"]}
    assert standing[EXPOSED] == "blocks"
    assert standing[WEB] == "ignored"
    told = json.loads(agency.cli("plan", "--format", "sarif").out)["runs"][0]
    ids = [r["properties"]["id"] for r in told["results"] if "properties" in r]
    assert EXPOSED in ids
    assert WEB not in ids
    scan = agency.cli("scan", "--format", "json")
    assert scan.code == Exit.DENIED
    (name,) = json.loads(scan.out)["names"]
    assert name["grade"] not in {None, "A+"}
    # No renewal, no record waits for it.
    assert agency.apply().left.actions == ()


def test_what_cannot_be_looked_at_is_no_pass(agency):
    trouble(agency.sandbox, "web-https", "status", status=503)
    said = agency.cli("scan")
    assert said.code == Exit.PARTLY
    assert said.out.splitlines()[0] == "?         shop.example"
    assert "surface-unknown:Certificate/shop:shop.example" in said.out
    plan = agency.plan()
    assert "surface-unknown" in {f.code for f in plan.findings}
    assert plan.complete  # nothing is planned from it


SSLYZE = """\
#!%s
import json, os, sys
if os.environ.get("RECONCILER_SANDBOX") or not sys.argv[1] == "--json_out=-":
    sys.exit("secrets, or no JSON wanted")
results = []
for word in [w for w in sys.argv if "{" in w]:
    host, _, rest = word.partition(":")
    port, _, address = rest.partition("{")
    done = {"status": "COMPLETED"}
    results.append({
        "server_location": {
            "hostname": host, "port": int(port), "ip_address": address[:-1],
        },
        "scan_result": {
            "heartbleed": {**done, "result": {"is_vulnerable_to_heartbleed": True}},
            "robot": {**done, "result": {"robot_result": "NOT_VULNERABLE_NO_ORACLE"}},
            "openssl_ccs_injection": {"status": "ERROR", "result": None},
            "tls_compression": {**done, "result": {"supports_compression": False}},
            "session_renegotiation": {
                **done, "result": {"is_vulnerable_to_client_renegotiation_dos": False},
            },
            "ssl_2_0_cipher_suites": {**done, "result": {"accepted_cipher_suites": []}},
            "ssl_3_0_cipher_suites": {**done, "result": {"accepted_cipher_suites": []}},
        },
    })
print(json.dumps({"server_scan_results": results}))
"""


def program(tmp_path, text):
    made = tmp_path / "sslyze"
    made.write_text(text)
    made.chmod(0o700)
    return str(made)


def test_sslyze_is_run_beside_it_if_somebody_names_it(agency, tmp_path):
    said = agency.cli("scan", "--deep", program(tmp_path, SSLYZE % sys.executable))
    assert said.code == Exit.PARTLY, said.err
    assert "192.0.2.1: anyone can read its memory (Heartbleed)" in said.out
    assert "tls-deep:Certificate/shop:shop.example/192.0.2.1/heartbleed" in said.out
    assert "could not tell openssl_ccs_injection of 192.0.2.1" in said.out
    assert "ROBOT" not in said.out


def test_a_program_that_is_no_sslyze_is_an_error(agency, tmp_path):
    text = f"#!{sys.executable}\nprint('no JSON')"
    said = agency.cli("scan", "--deep", program(tmp_path, text))
    assert said.code == Exit.ERROR
    assert "sslyze writes no JSON" in said.err
    assert "Traceback" not in said.err


def test_nothing_of_ours_is_asked_where_nobody_is_declared_to_look(tmp_path):
    with Agency(tmp_path, FILES, {}) as made:
        said = made.cli("scan")
    assert said.code == Exit.USAGE
    assert "without public" in said.err
