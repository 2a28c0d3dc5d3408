"""A plan in the forms that are for other eyes than a terminal's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.report.plan_document import PlanDocument


def rendered(plan: PlanDocument, form: str, url: str) -> str:
    """
    Return *plan* as ``markdown``, ``html``, ``sarif`` or ``github`` (annotations).

    Only what that form needs is imported. *url* is where the whole plan is.
    """
    match form:
        case "markdown":
            from reconciler.report.markdown import markdown

            return markdown(plan, url)
        case "html":
            from reconciler.report.html import html

            return html(plan)
        case "sarif":
            from reconciler.report.sarif import sarif

            return sarif(plan)
        case _:
            from reconciler.report.annotations import workflow_commands

            return workflow_commands(plan, url)
