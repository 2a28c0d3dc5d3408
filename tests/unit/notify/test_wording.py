"""Texts: each event in each language, one's own, broken ones, and no way out."""

from __future__ import annotations

import pytest

from reconciler.kinds.notification_channel import EVENTS
from reconciler.model import Money, Severity
from reconciler.notify import Condition, Context, Notice
from reconciler.notify.message import message
from reconciler.notify.notice import Subject
from reconciler.notify.samples import SAMPLES
from reconciler.notify.wording import NAMES, PARTS, SHIPPED, Words, check
from tests.unit.notify.world import NOW

CONTEXT = Context("main", "run-1", "c" * 40, "https://ci.example/1", NOW)
SAID = {
    "en": {
        "window-opened": "at most 15.00 USD",
        "urgent": "harm begins 2026-11-22, in 0 d",
        "failed": "written at clients/a.yaml:3:1",
        "held": "$ git commit -S",
        "unknown": "run run-1 · env main · commit cccccccccccc",
        "incident": "Each notice is sent once",
        "healed": "healed  Domain/a.example  (healed)",
        "test": "(test)",
        "digest": "2 notices, first",
    },
    "nl": {
        "window-opened": "Dit komt dichterbij",
        "urgent": "schade vanaf 2026-11-22, over 0 d",
        "failed": "De leverancier heeft het geweigerd",
        "held": "Dit wacht tot iemand het goedkeurt",
        "unknown": "Dit kan al een tijd niet gelezen worden",
        "incident": "Dit is ernstig",
        "healed": "Dit is voorbij",
        "test": "Dit is een proef",
        "digest": "2 meldingen, eerst",
    },
}


def notice(event="incident", name="a.example", **more):
    subject = Subject("Domain", name, name)
    condition = Condition(
        event,
        Severity.CRITICAL,
        subject,
        "x",
        "ends soon",
        ("a detail",),
        "git commit -S",
        Money.model_validate("15.00 USD"),
        NOW,
        place="clients/a.yaml:3:1",
    )
    return Notice(f"{name}-{event}", NOW, event, condition._replace(**more))


def said(event, words, **more):
    if event == "digest":
        both = [notice(name="a.example"), notice(name="b.example", summary="other")]
        return message("ops", both, CONTEXT, words)
    return message("ops", [notice(event, **more)], CONTEXT, words)


def own(text, name="held", language="nl", **more):
    found = {f"{language}/{name}": (f"templates/{language}/{name}.txt", text)}
    for key, other in more.items():
        found[f"{language}/{key}"] = (f"templates/{language}/{key}.txt", other)
    return found


@pytest.mark.parametrize("language", SHIPPED)
@pytest.mark.parametrize("event", NAMES)
def test_every_event_in_every_language(event, language):
    words = Words(language)
    made = said(event, words)
    assert SAID[language][event] in f"{made.subject}\n{made.text}"
    assert made.subject.startswith("[reconciler main] ")
    assert "a.example" in made.subject
    assert made.data["text"] == made.text
    assert words.troubles == []


@pytest.mark.parametrize("event", NAMES)
def test_the_languages_tell_the_same(event):
    """Whatever is a fact is in both: names, dates, money, commands, places."""
    english, dutch = (said(event, Words(language)) for language in SHIPPED)
    for fact in ("ends soon", "a detail", "15.00 USD", "2026-11-22", "ci.example/1"):
        assert (fact in english.text) is (fact in dutch.text)
    assert english.id == dutch.id
    assert english.data["event_id"] == dutch.data["event_id"]


@pytest.mark.parametrize(
    ("severity", "english", "dutch"),
    [
        ("critical", "CRITICAL", "KRITIEK"),
        ("error", "ERROR", "FOUT"),
        ("warning", "WARNING", "WAARSCHUWING"),
        ("info", "INFO", "INFO"),
        ("healed", "healed", "opgelost"),
    ],
)
def test_the_words(severity, english, dutch):
    assert Words("en").word(severity) == english
    assert Words("nl").word(severity) == Words("nl-BE").word(severity) == dutch
    assert Words("de").word("error") == "ERROR"


def test_nothing_is_said_where_nothing_is():
    bare = {"details": (), "command": None, "money": None, "due": None, "place": None}
    for language in SHIPPED:
        made = message(
            "ops",
            [notice("held", **bare)],
            Context("main", "r", None, None, NOW),
            Words(language),
        )
        assert "None" not in made.text
        assert "$" not in made.text


def test_ones_own_come_first_and_the_rest_is_shipped():
    texts = own("Let op: {{ name }}\n{{ summary }}\n{% include 'body.txt' %}")
    words = Words("nl", texts)
    made = said("held", words)
    assert made.subject == "Let op: a.example"
    assert made.text.startswith("ends soon\nKRITIEK  Domain/a.example")
    assert "Dit is ernstig" in said("incident", words).text
    assert words.troubles == []


def test_a_part_of_ones_own_is_in_every_text():
    words = Words("nl", own("mijn tekst over {{ blocks | length }}", "body"))
    assert said("held", words).text.endswith("mijn tekst over 1")
    assert said("digest", words).text.endswith("mijn tekst over 2")


def test_the_nearest_language_is_said():
    """nl-BE, then nl, then English; a language of one's own has English for the rest."""
    belgian = Words("nl-BE", own("Amai: {{ name }}", language="nl-BE"))
    assert said("held", belgian).subject == "Amai: a.example"
    assert "Dit is ernstig" in said("incident", belgian).text
    german = Words("de", own("Achtung: {{ name }}", language="de"))
    assert said("held", german).subject == "Achtung: a.example"
    assert "Each notice is sent once" in said("incident", german).text


BROKEN = {
    "syntax": ("ok\n{% if %}", 2, "Expected an expression"),
    "not closed": ("ok\n\n{{ name ", 3, "unexpected"),
    "unknown tag": ("{% frobnicate %}", 1, "unknown tag"),
    "unknown name": ("ok\n{{ nmae }}", 2, "there is no nmae; there are: blocks,"),
    "unknown filter": ("{{ name | shell }}", 1, "No filter named 'shell'"),
    "unknown test": ("{% if name is callable %}x{% endif %}", 1, "No test named"),
    "unknown part": ("x {% include 'secrets.txt' %}", 1, "there is no text secrets"),
    "a file": ("x\n{% include '/etc/passwd' %}", 2, "there is no text /etc/passwd"),
    "up": ("x {% include '../../.git/config' %}", 1, "there is no text"),
    "empty": ("", 1, "says nothing"),
    "blank": ("{{ '' }}\n\n", 1, "says nothing"),
    "missing in a block": ("x\n\n{{ blocks[0].nmae }}", 3, "nmae"),
    "nothing of nothing": ("x {{ due.year }}", 1, "year"),
    "attribute": ("x {{ name.__class__ }}", 1, "__class__"),
    "method": ("x {{ name.upper() }}", 1, "not safely callable"),
    "format": ("x {{ '{0.__class__}'.format(name) }}", 1, "format"),
    "call": ("x {{ range(9) }}", 1, "range"),
    "module": ("x {{ self._TemplateReference__context }}", 1, "context"),
    "attr filter": ("x {{ name | attr('upper') }}", 1, "No filter named 'attr'"),
    "much out of little": ("x {{ 'a' * 100000000 }}", 1, "operator *"),
    "power": ("x {{ 9 ** 99999999 }}", 1, "operator **"),
    "percent": ("x {{ '%99999999d' % 1 }}", 1, "operator %"),
    "lipsum": ("x {{ lipsum(9) }}", 1, "lipsum"),
    "cycler": ("x {{ cycler('a') }}", 1, "cycler"),
    "none where text is": ("x {{ days + 1 }}", 1, "NoneType"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_text_is_told_and_the_shipped_one_is_said(case):
    text, line, why = BROKEN[case]
    texts = own(text)
    found = list(check(texts))
    assert found, case
    assert (found[0].file, found[0].line) == ("templates/nl/held.txt", line)
    assert why in found[0].why
    words = Words("nl", texts)
    made = said("held", words, due=None)
    assert made.subject == "[reconciler main] KRITIEK Domain/a.example: ends soon"
    assert "Dit wacht tot iemand het goedkeurt" in made.text
    assert words.troubles[0].file in {"templates/nl/held.txt", "nl/held.txt"}


def test_a_broken_part_is_told_where_it_is_written():
    texts = own("x\n{{ oops }}", "body")
    (found,) = check(texts)
    assert str(found).startswith("templates/nl/body.txt:2: there is no oops")
    words = Words("nl", texts)
    assert "Dit wacht tot" in said("held", words).text
    assert words.troubles[0].file == "templates/nl/body.txt"


def test_what_is_right_is_right():
    texts = own(
        "{{ word }} {{ name | upper }}{% if due %} op {{ due }}{% endif %}\n"
        "{% for block in blocks %}{% for name in block.names %}{{ loop.index }} "
        "{{ name }}{% if not loop.last %}, {% endif %}{% endfor %}{% endfor %}"
        "{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}{{ twice(env) }}"
        "{% set many = count > 1 %}{{ many }}",
        digest="{{ count }} meldingen\n{% include 'body.txt' %}",
    )
    assert list(check(texts)) == []
    assert said("held", Words("nl", texts)).subject == "KRITIEK A.EXAMPLE op 2026-11-22"


def test_a_text_that_never_ends_is_cut():
    loops = "{% for a in [1,2,3,4,5,6,7,8,9] %}"
    text = "x\n" + loops * 7 + "{{ summary }}" + "{% endfor %}" * 7
    made = said("held", Words("nl", own(text)))
    assert len(made.text) < 101_000


def test_no_header_can_be_made():
    words = Words("en", own("a\rBcc: x@y.example {{ name }}", language="en"))
    made = said("held", words)
    assert made.subject == "a Bcc: x@y.example a.example"
    words = Words("en", own("a {{ summary }}", language="en"))
    assert said("held", words, summary="b\r\nBcc: c").subject == "a b Bcc: c"


def test_texts_of_others_are_not_texts():
    """A summary that looks like a text is printed, not run."""
    made = said("held", Words("nl"), summary="{{ 7 * 7 }}{% include 'x' %}")
    assert "{{ 7 * 7 }}{% include 'x' %}" in made.subject


def test_the_samples_are_what_texts_get():
    made = {}

    class Kept(Words):
        def say(self, name, data):
            made.update(data)
            return super().say(name, data)

    said("held", Kept())
    for sample in SAMPLES:
        assert sample.keys() == made.keys()
        assert sample["blocks"][0].keys() == made["blocks"][0].keys()


def test_every_event_has_a_text():
    assert set(EVENTS) < set(NAMES)
    assert not set(PARTS) & set(NAMES)
