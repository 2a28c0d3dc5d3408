"""
Looking at what 500 names on one real nginx serve; sslyze beside it, in its own venv.

The look is the product's own driver: every address of every name, a handshake with the
name as SNI, and a verdict about chain, name and end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from benchmarks.row import Row, Size
from benchmarks.web import Nginx, internet, program
from reconciler.kinds.certificate import Certificate, Install, TlsState
from reconciler.model import Account, Share
from reconciler.providers.public_tls import PublicTls

_ZONE = "probe.example"
_MOST = 500
_GATE = 200
#: sslyze is asked about so many; it takes them a few at a time.
_THEIRS = 60
_HERE = Share("web-1", "install")


def probing(size: Size) -> Iterator[Row]:
    """Look at all names, with and without finding them first; wait for a reload."""
    if program() is None:
        yield Row("probes of nginx", None, "", note="nginx is not installed")
        return
    number = min(_MOST, size.small)
    names = [f"host-{n:04d}.{_ZONE}" for n in range(number)]
    now = datetime.now(UTC).replace(microsecond=0)
    with tempfile.TemporaryDirectory(prefix="reconciler-bench-") as kept:
        nginx = Nginx(Path(kept), names, now)
        with nginx.running(), internet(names, nginx, now) as endpoint:
            yield from _ours(nginx, endpoint)
            yield _theirs(nginx, Path(kept))


def _ours(nginx: Nginx, endpoint: str) -> Iterator[Row]:
    driver = PublicTls(_account(endpoint))
    wants = [_certificate(name) for name in nginx.names]
    number = len(wants)
    took, cpu = _looked(driver, wants)
    yield Row(
        f"{number} names, from the root of the DNS to the verdict",
        number / took,
        "names/s",
        note=f"{cpu / number * 1000:.1f} ms CPU each",
    )
    best = (0.0, 0.0)
    for _ in range(3):
        for want in wants:
            driver.touched(want, _installed(want, None))
        took, cpu = _looked(driver, wants)
        best = max(best, (number / took, cpu))
    yield Row(
        f"{number} names, handshake and verdict",
        best[0],
        "names/s",
        gate=_GATE,
        least=True,
        note=f"best of 3; {best[1] / number * 1000:.1f} ms CPU each",
    )
    name = nginx.names[-1]
    leaf = x509.load_pem_x509_certificate(nginx.renew(name))
    mark = leaf.fingerprint(hashes.SHA256()).hex()
    nginx.reload()
    want = _certificate(name)
    driver.touched(want, _installed(want, mark))
    began = time.monotonic()
    state = driver.observe([want]).states[name]
    took = time.monotonic() - began
    if not isinstance(state, TlsState) or state.served[0].fingerprint != mark:
        raise RuntimeError(f"the new certificate is not seen: {state}")
    yield Row(
        f"nginx with {number} names reloads: until the new one is served for good",
        took,
        "s",
        note="three right answers in a row",
    )


def _looked(driver: PublicTls, wants: list[Certificate]) -> tuple[float, float]:
    """Look at all; return wall and CPU seconds. Raises where one is not sound."""
    began, cpu = time.monotonic(), time.process_time()
    states = driver.observe(wants).states
    took = time.monotonic() - began, time.process_time() - cpu
    for want in wants:
        state = states[want.name]
        sound = isinstance(state, TlsState) and [
            (one.name, one.matches, one.trusted) for one in state.served
        ] == [(want.name, True, True)]
        if not sound:
            raise RuntimeError(f"{want.name} is not as it should be: {state}")
    return took


def _theirs(nginx: Nginx, folder: Path) -> Row:
    """Have sslyze look at the certificates of some, as fast as it likes."""
    work = f"sslyze --certinfo, {_THEIRS} of them"
    python = folder / "sslyze" / "bin" / "python"
    install = ["-m", "pip", "install", "--quiet", "sslyze>=6"]
    try:
        _run([sys.executable, "-m", "venv", str(folder / "sslyze")])
        _run([str(python), *install])
    except (subprocess.SubprocessError, OSError):
        return Row(work, None, "names/s", note="sslyze cannot be installed here")
    targets = folder / "targets"
    names = nginx.names[:_THEIRS]
    lines = (f"{name}:{nginx.port}{{127.0.0.1}}\n" for name in names)
    targets.write_text("".join(lines))
    out = folder / "sslyze.json"
    argv = [str(python), "-m", "sslyze", "--certinfo", "--mozilla_config", "disable"]
    began = time.monotonic()
    _run([*argv, "--json_out", str(out), "--targets_in", str(targets)])
    took = time.monotonic() - began
    results = json.loads(out.read_text())["server_scan_results"]
    done = [one for one in results if one["scan_status"] == "COMPLETED"]
    version = json.loads(out.read_text()).get("sslyze_version", "")
    return Row(
        work,
        len(done) / took,
        "names/s",
        note=f"sslyze {version} in a venv of its own; start-up included",
    )


def _run(argv: list[str]) -> None:
    subprocess.run(
        argv,
        check=True,
        timeout=300,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=dict(os.environ),
    )


class _Cache:
    """A cache in memory."""

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self._kept.get(key)

    def put(self, key: str, value: Any, until: datetime) -> None:
        del until
        self._kept[key] = value


def _account(endpoint: str) -> Account:
    return Account(
        name="public",
        endpoint=endpoint,
        identity=None,
        secrets={},
        clock=lambda: datetime.now(UTC),
        sleep=time.sleep,
        cache=_Cache(),
        limits={"lookups": _MOST},
    )


def _certificate(name: str) -> Certificate:
    spec = {"names": [name], "mode": "observe"}
    return Certificate.model_validate({"metadata": {"name": name}, "spec": spec})


def _installed(want: Certificate, mark: str | None) -> Install:
    details = {"mark": "web-1", "names": [want.name]}
    if mark is not None:
        details["fingerprint"] = mark
    return Install(share=_HERE, fields=(), because="a benchmark", details=details)
