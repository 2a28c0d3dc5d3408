"""Observe, plan, apply, verify: knows resources and drivers, never a vendor."""

from reconciler.engine.apply import Order, Result, apply
from reconciler.engine.approved import Given
from reconciler.engine.carry_out import Done, Setting
from reconciler.engine.desired import Based, Tree, based
from reconciler.engine.document import approved_digests, document, dumps
from reconciler.engine.exits import Exit
from reconciler.engine.held import held
from reconciler.engine.journal import Journal
from reconciler.engine.letters import Owed, letters
from reconciler.engine.observe import Accounts, World, observe, unread
from reconciler.engine.plan import Situation, plan
from reconciler.engine.quiet import Quiet
from reconciler.engine.recover import Resolution, resolve
from reconciler.engine.situation import Passing, Rules, Scope, situation
from reconciler.engine.snapshot import Snapshot, snapshot, written

__all__ = [
    "Accounts",
    "Based",
    "Done",
    "Exit",
    "Given",
    "Journal",
    "Order",
    "Owed",
    "Passing",
    "Quiet",
    "Resolution",
    "Result",
    "Rules",
    "Scope",
    "Setting",
    "Situation",
    "Snapshot",
    "Tree",
    "World",
    "apply",
    "approved_digests",
    "based",
    "document",
    "dumps",
    "held",
    "letters",
    "observe",
    "plan",
    "resolve",
    "situation",
    "snapshot",
    "unread",
    "written",
]
