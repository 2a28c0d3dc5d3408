"""
What a Prometheus has measured, by expressions that the account's settings name.

Source: the vendor's documentation ("HTTP API": ``query_range``, ``status/buildinfo``).
What it has and what follows from it:

* ``settings`` says for each metric which expression tells it, in our unit, with
  ``.limit`` appended the most there is, and by which ``label`` (``instance`` if left
  out) series belong to what is declared::

      cpu: 100 * sum by (instance) (rate(node_cpu_seconds_total{mode!="idle"}[5m]))
      memory: node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes
      memory.limit: node_memory_MemTotal_bytes

* One request for each expression brings the series of everything. A series is that of
  what is called as its label says, with or without a port: by its machine, its account,
  its domain, or its name.
* Two series of one thing mean that the expression adds up too little: neither is taken.
* ``NaN`` and the infinities are no readings. What was not scraped is not there.
* At most 11,000 points of a series are answered.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from reconciler.errors import ProviderError, Rejected
from reconciler.model import (
    METRICS,
    Absent,
    Account,
    Advice,
    AnyResource,
    Observation,
    Observed,
    Probe,
    Reading,
    Unknown,
    UsageState,
)
from reconciler.providers._answers import mapping, rows
from reconciler.providers._http import Http, Reply, Words
from reconciler.providers._samples import Since

_LABEL: Final = "label"
_USUAL: Final = "instance"
_LIMIT: Final = ".limit"
#: Five minutes, and no more points than are answered.
_STEP, _POINTS = 300.0, 10_000
#: What something may be called by, beside its name.
_CALLED: Final = ("machine", "account", "domain")

Series = list[tuple[datetime, float]]
#: By what the label says; None where two series say the same.
Found = dict[str, Series | None]


class PrometheusUsage(Probe[AnyResource]):
    """What one Prometheus has."""

    first: ClassVar[timedelta] = timedelta(days=14)

    def __init__(self, account: Account) -> None:
        if account.endpoint is None:
            raise Rejected(
                "a Prometheus needs its endpoint",
                hint="endpoint: https://prometheus.agency.example",
            )
        self._account = account
        self._http = Http(account, account.endpoint, _WORDS, headers=_headers(account))
        self._since = Since(account, self.first)
        self._label = account.settings.get(_LABEL, _USUAL)

    def __repr__(self) -> str:
        return f"PrometheusUsage({self._account.name})"

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def identity(self) -> str | None:
        """Nobody's: None."""
        return None

    def examine(self) -> Iterator[Advice]:
        """Ask once; name settings that are no metrics, and expressions that fail."""
        self._http.call(
            "GET", "/api/v1/status/buildinfo", operation="buildinfo", effect=False
        )
        for name in sorted(self._account.settings):
            if name != _LABEL and name.removesuffix(_LIMIT) not in METRICS:
                fix = f"metrics are {', '.join(METRICS)}"
                yield Advice(f"settings: {name} is no metric", fix)
        if not self._expressions():
            yield Advice(
                "settings names no expression: nothing can be measured",
                "write one for each metric, as in memory: node_memory_...",
            )
        now = self._account.clock()
        for name, expression in self._expressions().items():
            try:
                self._series(expression, now - timedelta(minutes=10), now)
            except Rejected as no:
                yield Advice(f"settings: {name}: {no.what}", "mend the expression")

    def _expressions(self) -> dict[str, str]:
        """Return the expressions of metrics and of limits, by name."""
        return {
            name: text
            for name, text in sorted(self._account.settings.items())
            if name.removesuffix(_LIMIT) in METRICS
        }

    def observe(self, wants: Sequence[AnyResource]) -> Observation:
        """Report what was measured since the last time, one request an expression."""
        self._http.counts()
        end = self._account.clock()
        starts = {want.name: self._since.start(want.name) for want in wants}
        try:
            if not self._expressions():
                raise Rejected("its settings name no expression")
            first = min(starts.values(), default=end)
            found = {
                name: self._series(text, first, end)
                for name, text in self._expressions().items()
            }
            states = {
                want.name: self._state(want, found, starts[want.name]) for want in wants
            }
        except ProviderError as error:
            lost = Unknown(why=error.what, request_id=error.request_id)
            states = {want.name: lost for want in wants}
        for name, state in states.items():
            if isinstance(state, UsageState):
                self._since.note(name, end)
        return Observation(states, requests=self._http.counts())

    def _state(
        self, want: AnyResource, found: Mapping[str, Found], start: datetime
    ) -> Observed:
        names = [*_names(want)]
        readings: list[Reading] = []
        there = False
        for metric, by_label in found.items():
            if metric.endswith(_LIMIT):
                continue
            called = next((name for name in names if name in by_label), None)
            if called is None:
                continue
            there = True
            series = by_label[called]
            if series is None:
                what = f"{metric}: several series with {self._label}={called}"
                return Unknown(why=f"{what}: let the expression add them up")
            most = _last(found.get(f"{metric}{_LIMIT}", {}), names)
            readings += [
                Reading(metric, at, value, most) for at, value in series if at >= start
            ]
        if not there:
            return Absent()
        readings.sort(key=lambda one: (one.at, one.metric))
        return UsageState(readings=tuple(readings), source=self._account.name)

    def _series(self, expression: str, start: datetime, end: datetime) -> Found:
        """Return the series of an expression, by what their label says."""
        span = (end - start).total_seconds()
        step = max(_STEP, math.ceil(span / _POINTS))
        # Always the same moments, so that what is read twice is the same reading.
        first = math.ceil(start.timestamp() / step) * step
        asked = {
            "query": expression,
            "start": f"{first:.0f}",
            "end": f"{max(first, math.floor(end.timestamp() / step) * step):.0f}",
            "step": f"{step:.0f}",
        }
        reply = self._http.call(
            "POST",
            "/api/v1/query_range",
            operation="query_range",
            effect=False,
            form=urlencode(asked),
        )
        data = mapping(mapping(reply.data).get("data"))
        if data.get("resultType") != "matrix":
            raise Rejected("the answer is no matrix")
        found: Found = {}
        for row in rows(data.get("result"), "series"):
            label = str(mapping(row.get("metric")).get(self._label) or "")
            for name in {label, label.partition(":")[0]} - {""}:
                found[name] = None if name in found else _values(row)
        return found


def _headers(account: Account) -> dict[str, str]:
    """Return how the account shows who it is: by a token, a password, or not at all."""
    token = account.secrets.get("token")
    if token:
        return {"Authorization": f"Bearer {token}"}
    user, password = account.secrets.get("user"), account.secrets.get("password")
    if user and password:
        basic = b64encode(f"{user}:{password}".encode()).decode()
        return {"Authorization": f"Basic {basic}"}
    return {}


def _names(want: AnyResource) -> Iterator[str]:
    """Yield what *want* may be called by."""
    for field in _CALLED:
        named = getattr(want.spec, field, None)
        if isinstance(named, str):
            yield named
    yield want.name


def _last(by_label: Found, names: Sequence[str]) -> float | None:
    """Return the last value of the first series that there is."""
    series = next((by_label[name] for name in names if by_label.get(name)), None)
    return series[-1][1] if series else None


def _values(row: Mapping[str, Any]) -> Series:
    found: Series = []
    try:
        for at, text in row.get("values") or ():
            value = float(text)
            if math.isfinite(value) and value >= 0:
                found.append((datetime.fromtimestamp(float(at), UTC), value))
    except (TypeError, ValueError, OverflowError) as error:
        what = f"a series cannot be read: {type(error).__name__}"
        raise Rejected(what) from None
    return found


def _said(data: Any) -> str:
    match data:
        case {"status": "error", "errorType": str() as kind, "error": str() as text}:
            return f"{kind}: {text}"
        case _:
            return ""


def _refused(reply: Reply, text: str) -> ProviderError | None:
    if reply.status < 300:  # noqa: PLR2004
        good = isinstance(reply.data, dict) and reply.data.get("status") == "success"
        return None if good else Rejected(text)
    return Rejected(text, request_id=reply.request_id)


_WORDS: Final = Words(_said, _refused)
DRIVER = PrometheusUsage
