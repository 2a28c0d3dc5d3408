"""Rules over the words: links, decisions, what is generated."""

from __future__ import annotations

import importlib.util
import re

import pytest

from reconciler.engine.exits import Exit
from tests.house.tree import ROOT, files, text, under

PAGES = [name for name in files() if name.endswith(".md")]
DECISIONS = under("docs/adr/", ".md")
RUNBOOKS = under("docs/runbooks/", ".md")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
#: A page of paper, more or less.
PAGE = 70


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    here = (ROOT / page).parent
    broken = []
    for target in LINK.findall(FENCE.sub("", text(page))):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        where = (here / path).resolve() if path else ROOT / page
        if not where.exists() or (anchor and anchor not in _anchors(where)):
            broken.append(target)
    assert broken == []


def _anchors(page):
    """The headings of a page, as forges make links of them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    plain = [re.sub(r"[^\w\s-]", "", title.lower()) for title in titles]
    return {title.strip().replace(" ", "-") for title in plain}


def test_decisions_are_numbered_without_a_gap():
    numbers = [int(name.split("/")[-1][:4]) for name in DECISIONS]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("name", DECISIONS)
def test_a_decision_has_its_parts_on_one_page(name):
    page = text(name)
    number = name.split("/")[-1][:4]
    assert page.startswith(f"# {number} ")
    heads = re.findall(r"^## (.*)$", page, re.MULTILINE)
    assert heads == ["Context", "Decision", "Consequences"]
    assert page.count("\n") <= PAGE


@pytest.mark.parametrize("name", RUNBOOKS)
def test_a_runbook_says_what_one_sees_and_does(name):
    heads = re.findall(r"^## (.*)$", text(name), re.MULTILINE)
    assert heads[0] == "What you see"
    assert "What to do" in heads
    assert "What not to do" in heads


def test_the_table_of_errors_is_the_one_in_the_code():
    """`make schemas` writes it."""
    path = ROOT / "scripts" / "error_codes.py"
    spec = importlib.util.spec_from_file_location("error_codes", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert text("docs/errors.md") == script.page()


def test_every_code_in_the_code_is_in_the_table():
    """Also those that are given where an error is raised."""
    page = text("docs/errors.md")
    used = {
        code
        for name in under("reconciler/", ".py")
        for code in re.findall(r'"([EW][0-9]{3})"', text(name))
    }
    assert {code for code in used if f"| {code} |" not in page} == set()


@pytest.mark.parametrize("code", sorted(Exit))
def test_every_exit_code_is_explained(code):
    assert f"| {code.value} |" in text("docs/exit-codes.md")


def test_the_changelog_begins_with_what_is_not_released():
    heads = re.findall(r"^## (.*)$", text("CHANGELOG.md"), re.MULTILINE)
    assert heads[0] == "[Unreleased]"


@pytest.mark.parametrize(
    "page",
    ["docs/opinions.md", "SECURITY.md", "CONTRIBUTING.md", "docs/architecture.md"],
)
def test_the_pages_of_the_house_are_there(page):
    assert len(text(page)) > 500
