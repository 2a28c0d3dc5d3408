"""
CEL expressions (https://cel.dev), and the only module that knows their library.

``cel-expr-python`` reports what goes wrong while an expression runs as a *value*,
and that value is truthy. Here only a real boolean is an answer; everything else is a
``CelError``, whose text never becomes a decision.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from cel_expr_python import cel
from cel_expr_python.ext import ext_math, ext_optional, ext_strings

_PLACE = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_INT64 = 2**63
_SHOWN = 256


class CelError(Exception):
    """
    An expression that does not compile, or that has no answer.

    Attributes:
        line: Within the expression, from 1; 0 where nobody knows.
        column: Within the line, from 1.
    """

    def __init__(self, what: str, line: int = 0, column: int = 0) -> None:
        super().__init__(what)
        self.what = what
        self.line = line
        self.column = column


class Names(NamedTuple):
    """
    What an expression may refer to: each name (dots allowed) and its type.

    Types are CEL's own words: ``string``, ``map<string, dyn>`` ...
    """

    types: tuple[tuple[str, str], ...]

    def plus(self, name: str, of: str) -> Names:
        """Return these names and one more."""
        return Names((*self.types, (name, of)))


class Expression(NamedTuple):
    """One compiled expression; immutable, and fit to be evaluated by any thread."""

    text: str
    returns: str
    program: Any

    def value(self, facts: Mapping[str, object]) -> object:
        """
        Return the answer as plain Python data.

        Raises:
            CelError: There is none: a missing key, a type that does not fit, over
                10,000 iterations.
        """
        try:
            answer = self.program.eval(data=facts)
        except (RuntimeError, TypeError, ValueError, OverflowError) as error:
            raise CelError(short(str(error))) from None
        if answer.type() in (cel.Type.ERROR, cel.Type.UNKNOWN):
            raise CelError(short(str(answer.plain_value())))
        return answer.plain_value()

    def holds(self, facts: Mapping[str, object]) -> bool:
        """Return the boolean answer. Raises CelError for anything else."""
        answer = self.value(facts)
        if not isinstance(answer, bool):
            raise CelError(f"is {short(repr(answer))}, not true or false")
        return answer

    def says(self, facts: Mapping[str, object]) -> str:
        """Return the text of the answer. Raises CelError for anything else."""
        answer = self.value(facts)
        if not isinstance(answer, str):
            raise CelError(f"is {short(repr(answer))}, not a text")
        return answer


@lru_cache(maxsize=2048)
def compiled(text: str, names: Names, want: str = "dyn") -> Expression:
    """
    Return *text*, compiled and type-checked; the same object for the same text.

    Raises:
        CelError: It does not parse, uses an unknown name, mixes types, or cannot
            return *want*.
    """
    try:
        program = _environment(names).compile(text)
    except (RuntimeError, TypeError, ValueError) as error:
        raise _misfit(str(error)) from None
    returns = program.return_type().name().lower()
    if want not in {returns, "dyn"} and returns != "dyn":
        raise CelError(f"is {_a(returns)}, not {_a(want)}", 1, 1)
    return Expression(text, returns, program)


@lru_cache(maxsize=256)
def _environment(names: Names) -> Any:
    return cel.NewEnv(
        variables={name: cel.Type(word) for name, word in names.types},
        extensions=[
            ext_strings.ExtStrings(),
            ext_math.ExtMath(),
            ext_optional.ExtOptional(),
        ],
    )


def _a(word: str) -> str:
    return {"int": "an int"}.get(word, f"a {word}")


def _misfit(text: str) -> CelError:
    found = _PLACE.search(text)
    if found is None:
        return CelError(short(text))
    what = re.sub(r" \(in container ''\)| \[INVALID_ARGUMENT\]", "", found[3])
    return CelError(short(what), max(0, int(found[1])), int(found[2]))


def short(text: str) -> str:
    """Return *text* on one line, cut to 256 characters: it ends up in logs."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 3]}..."


def plain(value: object) -> object:
    """
    Return *value* in the few forms CEL takes inside maps and lists.

    Instants become RFC 3339 texts (``timestamp(x)`` reads them), durations seconds
    (``duration(x)``), decimals their text, integers beyond 64 bits their digits.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    return value if _fits(value) else _text(value)


def _fits(value: object) -> bool:
    if isinstance(value, int):
        return -_INT64 <= value < _INT64
    return value is None or isinstance(value, (float, str, bytes))


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return instant(value).isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.0f}s"
    return str(value)


def instant(value: datetime) -> datetime:
    """Return an aware *value* in UTC; a top-level timestamp is one."""
    return value.astimezone(UTC)
