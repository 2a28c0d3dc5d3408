"""The small chart of what an action follows from, in text, Markdown and HTML."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import click
import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from reconciler.cli.show_plan import shown
from reconciler.report.chart import sparkline, svg, told
from reconciler.report.html import html
from reconciler.report.markdown import markdown
from reconciler.report.plan_document import PlanDocument
from tests.support.plans import action, changed, plan

SHARES = st.lists(st.integers(0, 9000), max_size=56)
CHART = {
    "metric": "disk",
    "past": [500, 600, 700, 800, 900],
    "ahead": [930, 960, 1010],
    "worst": [990, 1100, 2500],
}


def scaled(**fields):
    made = {
        "kind": "HostingAccount",
        "provider": "whm-1",
        "because": "disk will reach 4.5GiB within 14d with a probability of 93%",
        "changes": [changed("spec.plan", "care-5", "care-10")],
        "chart": CHART,
    }
    return action("shop.example", "change-plan", **{**made, **fields})


def test_a_full_block_is_the_limit() -> None:
    line = sparkline(CHART)
    assert line.startswith("disk ▄▅▅▆▇│▇▇█  ")
    assert "now 90% of what may be used" in line
    assert "101% expected in 3 days" in line
    assert "1 in 20: full in 2 days" in line
    assert sparkline({**CHART, "ahead": [], "worst": []}).startswith("disk ▄▅▅▆▇  now")
    assert "█" not in sparkline({**CHART, "past": [999], "ahead": [0]})
    assert "full" not in told({**CHART, "worst": [999]})


@given(SHARES, SHARES, SHARES)
def test_every_chart_is_drawn_within_its_frame(past, ahead, worst) -> None:
    chart = {"metric": "cpu", "past": past, "ahead": ahead, "worst": worst}
    drawn = str(svg(chart))
    assert drawn == str(svg(chart))
    assert len(drawn) < 6 * 1024
    root = ET.fromstring(drawn)  # noqa: S314  (our own text)
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"].startswith("cpu: ")
    for points in re.findall(r'points="([^"]*)"', drawn):
        for pair in points.split():
            x, y = map(float, pair.split(","))
            assert 0 <= x <= 480.1
            assert 0 <= y <= 120
    assert "\n" not in sparkline(chart)


def test_a_metric_with_markup_in_it_is_text() -> None:
    drawn = str(svg({**CHART, "metric": '"><script>'}))
    assert "<script>" not in drawn


def test_the_plan_shows_it_in_every_form() -> None:
    document = plan([scaled(), action("b.example")])
    document = TypeAdapter(PlanDocument).validate_python(document)
    assert "▄▅▅▆▇│▇▇█" in click.unstyle(shown(document))
    assert "▄▅▅▆▇│▇▇█" in markdown(document)
    page = html(document)
    assert page.count('<svg class="chart"') == 1
    assert "style=" not in page[page.index('<svg class="chart"') :][:2000]


def test_many_of_the_same_show_no_chart() -> None:
    many = [scaled(because=f"{n}") | {"name": f"s{n}.example"} for n in range(9)]
    text = click.unstyle(shown(TypeAdapter(PlanDocument).validate_python(plan(many))))
    assert "│" not in text


@pytest.mark.parametrize(
    "wrong", [{"past": [0.5]}, {"past": [-1]}, {"more": []}, {"metric": 5}]
)
def test_the_schema_knows_it(wrong) -> None:
    schema = json.loads(Path("schemas/plan.v1.schema.json").read_text("utf-8"))
    jsonschema.validate(plan([scaled()]), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(plan([scaled(chart={**CHART, **wrong})]), schema)
