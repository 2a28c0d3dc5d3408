"""
The journal: what is about to happen, what happened, and one lock to do it under.

Never decides anything, and never speaks to a vendor.
"""

from reconciler.audit.books import (
    Approvals,
    Base,
    Flow,
    Glass,
    GlassUse,
    OpenIntent,
    Record,
    Spend,
    Spent,
)
from reconciler.audit.derive import FACTS, WAITS
from reconciler.audit.entries import Entry, How, Intent, Note, Outcome, Status
from reconciler.audit.git_store import GitStore
from reconciler.audit.ledger import LastRun, Ledger
from reconciler.audit.lines import canonical
from reconciler.audit.log import Query, Story, log, show
from reconciler.audit.memory_store import MemoryStore
from reconciler.audit.rebuild import rebuild
from reconciler.audit.redact import Redact, redact, redactor
from reconciler.audit.series import INVOICES, Series, number_text
from reconciler.audit.store import Batch, Lease, LockStatus, Run, Store
from reconciler.audit.verify import Problem, verify

__all__ = [
    "FACTS",
    "INVOICES",
    "WAITS",
    "Approvals",
    "Base",
    "Batch",
    "Entry",
    "Flow",
    "GitStore",
    "Glass",
    "GlassUse",
    "How",
    "Intent",
    "LastRun",
    "Lease",
    "Ledger",
    "LockStatus",
    "MemoryStore",
    "Note",
    "OpenIntent",
    "Outcome",
    "Problem",
    "Query",
    "Record",
    "Redact",
    "Run",
    "Series",
    "Spend",
    "Spent",
    "Status",
    "Store",
    "Story",
    "canonical",
    "log",
    "number_text",
    "rebuild",
    "redact",
    "redactor",
    "show",
    "verify",
]
