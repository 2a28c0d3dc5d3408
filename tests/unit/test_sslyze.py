"""What a program that calls itself sslyze writes: only known fields count."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import ReconcilerError
from reconciler.providers._network import Place
from reconciler.providers._sslyze import Deep, Target, deep

HERE = Target("a.example", "192.0.2.1", Place("127.0.0.1", 4430))
LOCATION = {"hostname": "a.example", "port": 4430, "ip_address": "127.0.0.1"}


def ran(tmp_path: Path, line: str, shebang: str = sys.executable) -> list[Deep]:
    made = tmp_path / "sslyze"
    made.write_text(f"#!{shebang}\n{line}\n")
    made.chmod(0o700)
    return deep(made, [HERE], "/usr/bin")


def said(tmp_path: Path, results: Any) -> Deep:
    text = json.dumps({"server_scan_results": results})
    (one,) = ran(tmp_path, f"print({text!r})")
    return one


@pytest.mark.parametrize(
    ("line", "shebang", "why"),
    [
        ("print('no JSON')", sys.executable, "writes no JSON"),
        ("print('[]')", sys.executable, "writes no JSON"),
        ("raise SystemExit(3)", sys.executable, "writes no JSON"),
        ("", "/no/such/program", "cannot be run"),
    ],
)
def test_what_is_no_sslyze_is_an_error(
    tmp_path: Path, line: str, shebang: str, why: str
) -> None:
    with pytest.raises(ReconcilerError, match=why):
        ran(tmp_path, line, shebang)


@pytest.mark.parametrize(
    "results",
    [
        [],
        {},
        [5],
        [{"server_location": LOCATION, "scan_result": None}],
        [{"server_location": {**LOCATION, "ip_address": "127.0.0.9"}}],
        [{"server_location": LOCATION, "scan_result": {"heartbleed": "fine"}}],
    ],
)
def test_what_was_not_tested_is_unknown_and_not_good(
    tmp_path: Path, results: Any
) -> None:
    one = said(tmp_path, results)
    assert one.wrong == {}
    assert len(one.unknown) == 7


@pytest.mark.parametrize(
    ("test", "result", "wrong", "unknown"),
    [
        ("heartbleed", {"is_vulnerable_to_heartbleed": True}, True, False),
        ("heartbleed", {"is_vulnerable_to_heartbleed": False}, False, False),
        ("heartbleed", {"is_vulnerable_to_heartbleed": "\x1b[31m"}, False, True),
        ("heartbleed", {}, False, True),
        ("robot", {"robot_result": "VULNERABLE_WEAK_ORACLE"}, True, False),
        ("robot", {"robot_result": "NOT_VULNERABLE_NO_ORACLE"}, False, False),
        ("robot", {"robot_result": "UNKNOWN_INCONSISTENT_RESULTS"}, False, True),
        ("ssl_3_0_cipher_suites", {"accepted_cipher_suites": [{}]}, True, False),
        ("ssl_3_0_cipher_suites", {"accepted_cipher_suites": []}, False, False),
    ],
)
def test_known_fields_decide(
    tmp_path: Path, test: str, result: Any, wrong: bool, unknown: bool
) -> None:
    done = {test: {"status": "COMPLETED", "result": result}}
    one = said(tmp_path, [{"server_location": LOCATION, "scan_result": done}])
    assert (test in one.wrong) is wrong
    assert (test in one.unknown) is unknown
    assert "\x1b" not in "".join(one.wrong.values())


def test_targets_are_written_as_sslyze_takes_them() -> None:
    assert HERE.written == "a.example:4430{127.0.0.1}"
    six = Target("a.example", "2001:db8::1", Place("2001:db8::1", 443))
    assert six.written == "a.example:443{[2001:db8::1]}"
    assert deep(Path("/no/such/program"), [], "") == []
