"""
What a notice says, by language: jinja2 over plain data, in a closed room.

A text is ``<language>/<event>.txt``; its first line makes the subject, and all that an
SMS says; the other lines make the text. English and Dutch are shipped; texts of one's
own come before them. A text that breaks costs nobody a notice: the shipped one is said,
and the trouble is told.

What a text gets is text, numbers and lists of them. It can call nothing, reads no
attribute of any object, and the filters are few: nothing in here leads anywhere.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from reconciler.kinds.notification_channel import EVENTS
from reconciler.kinds.subscription import TEXTS
from reconciler.notify.samples import LETTER_SAMPLES, SAMPLES, Data

if TYPE_CHECKING:
    from jinja2 import Environment

#: Said where no text of a language is there, and the languages that are shipped.
FIRST, SHIPPED = "en", ("en", "nl")
#: The texts that there are: one for each event, for many at once, and for a trial.
NAMES: Final = (*EVENTS, "digest", "test")
#: The letters to customers.
LETTERS: Final = tuple(f"letter-{name}" for name in TEXTS)
#: What other texts include.
PARTS: Final = ("body", "letter-foot")
#: Everything that may be a file.
FILES: Final = (*NAMES, *LETTERS, *PARTS)
#: A text makes at most so many characters.
LONGEST = 100_000
_FILTERS = (
    *("capitalize", "default", "first", "indent", "int", "join", "last", "length"),
    *("lower", "replace", "title", "trim", "truncate", "upper", "wordcount"),
)
_TESTS = ("defined", "undefined", "none", "number", "string", "in", "eq", "ne")
_WORDS = {
    "en": {"healed": "healed"},
    "nl": {
        "critical": "KRITIEK",
        "error": "FOUT",
        "warning": "WAARSCHUWING",
        "info": "INFO",
        "healed": "opgelost",
    },
}

#: ``<language>/<name>`` -> (the file as people call it, its text).
Own = Mapping[str, tuple[str, str]]


class Broken(NamedTuple):
    """What is wrong with a text, and where."""

    file: str
    line: int
    why: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.why}"


class Words:
    """
    The texts of one language.

    Attributes:
        language: As in ``nl`` or ``nl-BE``; what is not there is looked for in
            ``nl``, and then in English.
        troubles: The texts that broke when they were said.
    """

    def __init__(self, language: str = FIRST, own: Own | None = None) -> None:
        self.language = language
        self.troubles: list[Broken] = []
        self._own = own or {}

    def tongue(self, name: str) -> str:
        """Return the language in which *name* is said."""
        return tongue(self.language, name, self._own)

    def word(self, severity: str) -> str:
        """Return a severity (or ``healed``) as a word of this language."""
        base = self.language.partition("-")[0]
        known = _WORDS.get(self.language) or _WORDS.get(base, {})
        return known.get(severity, severity.upper())

    def say(self, name: str, data: Data) -> tuple[str, str]:
        """Return subject and text of *name*: an event, ``digest`` or ``test``."""
        known = name if name in {*NAMES, *LETTERS} else "test"
        if self._own:
            try:
                return _said(self._all, known, data)
            except Exception as error:  # noqa: BLE001  (a text may break in any way)
                there = found(self.language, known, self._own)
                self.troubles.append(broken(error, there[0] if there else known))
        return _said(_shipped(self.language), known, data)

    @cached_property
    def _all(self) -> Environment:
        return room(lambda name: found(self.language, name, self._own))


@cache
def _shipped(language: str) -> Environment:
    return room(lambda name: found(language, name, {}))


def found(language: str, name: str, own: Own) -> tuple[str, str] | None:
    """Return the file and the source of *name*, the nearest there is."""
    for tongue in _nearest(language):
        if (mine := own.get(f"{tongue}/{name}")) is not None:
            return mine
        if tongue in SHIPPED and name in FILES:
            path = files("reconciler.notify") / "texts" / tongue / f"{name}.txt"
            return f"texts/{tongue}/{name}.txt", path.read_text("utf-8")
    return None


def tongue(language: str, name: str, own: Own) -> str:
    """Return the language in which *name* is said to who reads *language*."""
    there = (t for t in _nearest(language) if t in SHIPPED or f"{t}/{name}" in own)
    return next(there, FIRST)


def _nearest(language: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((language, language.partition("-")[0], FIRST)))


def room(load: Callable[[str], tuple[str, str] | None]) -> Environment:
    """Return an environment whose texts come from *load* and reach nothing else."""
    from jinja2 import FunctionLoader, StrictUndefined  # noqa: PLC0415
    from jinja2.exceptions import SecurityError  # noqa: PLC0415
    from jinja2.runtime import LoopContext, Macro  # noqa: PLC0415
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415

    class Room(ImmutableSandboxedEnvironment):
        #: These make much out of little.
        intercepted_binops = frozenset({"*", "**", "%"})

        def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
            del value
            return isinstance(obj, LoopContext) and not attr.startswith("_")

        def is_safe_callable(self, obj: Any) -> bool:
            return isinstance(obj, Macro)

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            del context, left, right
            raise SecurityError(f"the operator {operator} is not for texts")

    def source(name: str) -> tuple[str, str, Callable[[], bool]] | None:
        wanted, _, part = name.rpartition(".")
        one = load(wanted) if part in _CUTS else None
        return (_CUTS[part](one[1]), one[0], lambda: True) if one else None

    made = Room(
        loader=FunctionLoader(source),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.clear()
    made.filters = {name: made.filters[name] for name in _FILTERS}
    made.tests = {name: made.tests[name] for name in _TESTS}
    return made


#: What is asked for of a text: all of it (to include it), its first line, the others
#: (on the lines where they are written).
_CUTS: Final[Mapping[str, Callable[[str], str]]] = {
    "txt": lambda text: text,
    "subject": lambda text: text.partition("\n")[0],
    "rest": lambda text: f"\n{text.partition(chr(10))[2]}",
}


def _said(made: Environment, name: str, data: Data) -> tuple[str, str]:
    """Return subject and text; raises for a subject that says nothing."""
    subject = _rendered(made, f"{name}.subject", data).strip()
    if not subject:
        raise ValueError("the first line says nothing")
    return subject, _rendered(made, f"{name}.rest", data).strip("\n")


def _rendered(made: Environment, name: str, data: Data) -> str:
    parts: list[str] = []
    size = 0
    for part in made.get_template(name).generate(**data):
        parts.append(part)
        size += len(part)
        if size > LONGEST:
            break
    return "".join(parts)


def broken(error: Exception, name: str) -> Broken:
    """Return what *error* says, about the file *name* where it does not say."""
    from jinja2 import TemplateNotFound, TemplateSyntaxError  # noqa: PLC0415

    if isinstance(error, TemplateSyntaxError):
        return Broken(error.filename or name, error.lineno, str(error.message))
    frames = traceback.extract_tb(error.__traceback__)
    inside = [frame for frame in frames if frame.filename.endswith(".txt")]
    file = inside[-1].filename if inside else name
    line = (inside[-1].lineno or 1) if inside else 1
    if isinstance(error, TemplateNotFound):
        return Broken(file, line, f"there is no text {error.message} to include")
    return Broken(file, line, str(error) or type(error).__name__)


def check(own: Own) -> Iterator[Broken]:
    """Yield what is wrong with texts of one's own, each tried with made-up data."""
    seen: set[Broken] = set()
    for key in sorted(own):
        language, _, name = key.partition("/")
        for one in _tried(language, name, own):
            if one not in seen:
                seen.add(one)
                yield one


def _tried(language: str, name: str, own: Own) -> Iterator[Broken]:
    file, source = own[f"{language}/{name}"]
    made = room(lambda wanted: found(language, wanted, own))
    try:
        tree = made.parse(source, name, file)
        for cut in ("txt",) if name in PARTS else ("subject", "rest"):
            made.get_template(f"{name}.{cut}")
    except Exception as error:  # noqa: BLE001  (whatever the text does to jinja2)
        yield broken(error, file)._replace(file=file)
        return
    samples = LETTER_SAMPLES if name.startswith("letter-") else SAMPLES
    if strange := sorted(_strange(tree, samples[0])):
        known = ", ".join(sorted(samples[0]))
        for line, variable in strange:
            yield Broken(file, line, f"there is no {variable}; there are: {known}")
        return
    if samples is SAMPLES and name not in {*PARTS, "digest"}:
        samples = SAMPLES[:2]  # the third is about many
    for data in samples:
        try:
            if name in PARTS:
                _rendered(made, f"{name}.txt", data)
            else:
                _said(made, name, data)
        except Exception as error:  # noqa: BLE001
            yield broken(error, file)


def _strange(tree: Any, known: Data) -> Iterator[tuple[int, str]]:
    from jinja2 import nodes  # noqa: PLC0415
    from jinja2.meta import find_undeclared_variables  # noqa: PLC0415

    unknown = find_undeclared_variables(tree) - known.keys()
    for node in tree.find_all(nodes.Name):
        if node.name in unknown:
            unknown = unknown - {node.name}
            yield node.lineno, node.name
