"""
A deeper look by sslyze, where somebody has installed it apart: a program, no library.

Source: sslyze's command line (``--json_out=-``, targets as ``host:port{address}``) and
its JSON schema, version 6. What follows:

* It is run by an argument list, without a shell, with no environment but a PATH: none
  of this process's secrets are its business.
* Only fields that are known decide, between words of ours. A test that it could not
  run is unknown, and so is everything where it fails, or writes no JSON.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, NamedTuple

from reconciler.errors import ReconcilerError
from reconciler.providers._network import Place

#: All tests of one address take about a second; a batch of them runs side by side.
_EACH: Final = 30.0
_DONE: Final = "COMPLETED"
#: Field of ``scan_result`` -> field of its result -> what makes it true, and its words.
_WRONG: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "heartbleed": (
        ("is_vulnerable_to_heartbleed", "anyone can read its memory (Heartbleed)"),
    ),
    "openssl_ccs_injection": (
        ("is_vulnerable_to_ccs_injection", "it takes injected messages (CCS)"),
    ),
    "tls_compression": (("supports_compression", "it compresses (CRIME)"),),
    "session_renegotiation": (
        ("is_vulnerable_to_client_renegotiation_dos", "visitors can wear it out"),
    ),
    "ssl_2_0_cipher_suites": (("accepted_cipher_suites", "it speaks SSL 2.0"),),
    "ssl_3_0_cipher_suites": (("accepted_cipher_suites", "it speaks SSL 3.0"),),
    "robot": (("robot_result", "it decrypts for others (ROBOT)"),),
}
_OPTIONS: Final = (
    "--heartbleed", "--openssl_ccs", "--compression", "--reneg", "--robot",
    "--sslv2", "--sslv3",
)  # fmt: skip


class Target(NamedTuple):
    """One address of one name, and where it is reached."""

    name: str
    address: str
    at: Place

    @property
    def written(self) -> str:
        """As sslyze takes it."""
        four = ip_address(self.at.address).version == 4  # noqa: PLR2004
        where = self.at.address if four else f"[{self.at.address}]"
        return f"{self.name}:{self.at.port}{{{where}}}"


class Deep(NamedTuple):
    """
    What was found at one target.

    Attributes:
        wrong: Test -> what is wrong, in words of ours.
        unknown: The tests that did not come to an end.
    """

    target: Target
    wrong: Mapping[str, str]
    unknown: tuple[str, ...]


def deep(program: Path, targets: Sequence[Target], path: str) -> list[Deep]:
    """
    Run *program* over *targets* and return what it says of each.

    *path* is the PATH it runs with.

    Raises:
        ReconcilerError: It cannot be run, takes too long, or writes no JSON.
    """
    if not targets:
        return []
    command = [str(program), "--json_out=-", "--quiet", *_OPTIONS]
    try:
        done = subprocess.run(
            [*command, *(one.written for one in targets)],
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=_EACH * len(targets),
            env={"PATH": path},
        )
        said = json.loads(done.stdout)
        results = said["server_scan_results"]
    except subprocess.TimeoutExpired:
        raise _failed(program, "takes too long") from None
    except OSError:
        raise _failed(program, "cannot be run") from None
    except (ValueError, KeyError, TypeError):
        raise _failed(program, "writes no JSON of sslyze's") from None
    return [*_told(targets, results)]


def _failed(program: Path, what: str) -> ReconcilerError:
    hint = "is it sslyze 6, installed apart from this program?"
    return ReconcilerError(f"{program.name} {what}", hint=hint)


def _told(targets: Sequence[Target], results: Any) -> Iterator[Deep]:
    """Yield one verdict for each target, whatever was written."""
    by_place: dict[tuple[str, int], Any] = {}
    for one in results if isinstance(results, list) else ():
        match one:
            case {"server_location": {"hostname": str() as host, "port": int() as at}}:
                address = one["server_location"].get("ip_address")
                by_place[f"{host} {address}", at] = one
            case _:
                pass
    for target in targets:
        found = by_place.get((f"{target.name} {target.at.address}", target.at.port))
        yield _verdict(target, found)


def _verdict(target: Target, found: Any) -> Deep:
    tests = found.get("scan_result") if isinstance(found, dict) else None
    if not isinstance(tests, dict):
        return Deep(target, {}, tuple(sorted(_WRONG)))
    wrong: dict[str, str] = {}
    unknown: list[str] = []
    for test, fields in _WRONG.items():
        match tests.get(test):
            case {"status": "COMPLETED", "result": dict() as result}:
                for field, says in fields:
                    verdict = _is_so(result.get(field))
                    if verdict is None:
                        unknown.append(test)
                    elif verdict:
                        wrong[test] = says
            case _:
                unknown.append(test)
    return Deep(target, wrong, tuple(sorted(unknown)))


def _is_so(value: Any) -> bool | None:
    """Return what a field says: yes, no, or nothing that is known."""
    match value:
        case bool():
            return value
        case list():
            return bool(value)
        case str() if value.startswith("VULNERABLE"):
            return True
        case str() if value.startswith("NOT_VULNERABLE"):
            return False
        case _:
            return None
