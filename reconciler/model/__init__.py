"""
The nouns: plain, frozen, serialisable data and the ports.

Nothing here reads a file, a clock, the network or the environment.
"""

from reconciler.model.adoption import (
    Adoption,
    Beside,
    Called,
    Choice,
    Edit,
    ItemEdit,
    Left,
    Proposal,
    Refuse,
    Rewrite,
)
from reconciler.model.authority import ISSUANCE, Authority, Makings, Place
from reconciler.model.base import Frozen, Spec
from reconciler.model.calendar import Day, Duration, Period, duration_text
from reconciler.model.change import (
    Change,
    FieldChange,
    OnDrift,
    Receipt,
    Risk,
    Shown,
)
from reconciler.model.driver import (
    Account,
    Advice,
    AnyDriver,
    Cache,
    Driver,
    OpClass,
    Probe,
    Witness,
)
from reconciler.model.due import Due
from reconciler.model.finding import Finding, Severity
from reconciler.model.follow import Chapter, Ended, Letter, Sway
from reconciler.model.hosting import FILLS, METRICS, PlanLimits
from reconciler.model.location import Location
from reconciler.model.material import Challenges, Drawer, Keyring, Material
from reconciler.model.money import Money, Price
from reconciler.model.observed import (
    KEYS,
    OWN,
    PUBLIC,
    TRANSPARENCY,
    Absent,
    Have,
    Observation,
    Observed,
    Share,
    State,
    Unknown,
    Unmanaged,
)
from reconciler.model.plan import (
    Action,
    Deferred,
    Drift,
    Plan,
    Unread,
    action_id,
    digest_of,
    sha256,
)
from reconciler.model.proof import BackupProof, Proof, unproven
from reconciler.model.quantity import Percent, Size
from reconciler.model.ref import Naming, Ref, To
from reconciler.model.resource import AnyResource, Metadata, Resource
from reconciler.model.secret import Personal, SecretRef
from reconciler.model.seller import Seller
from reconciler.model.terms import Terms
from reconciler.model.usage import (
    HEALTH,
    OUTLOOK,
    STALE,
    USAGE,
    Outlook,
    OutlookState,
    Reading,
    UsageBook,
    UsageState,
)
from reconciler.model.verdict import Decision, Verdict

__all__ = [
    "FILLS",
    "HEALTH",
    "ISSUANCE",
    "KEYS",
    "METRICS",
    "OUTLOOK",
    "OWN",
    "PUBLIC",
    "STALE",
    "TRANSPARENCY",
    "USAGE",
    "Absent",
    "Account",
    "Action",
    "Adoption",
    "Advice",
    "AnyDriver",
    "AnyResource",
    "Authority",
    "BackupProof",
    "Beside",
    "Cache",
    "Called",
    "Challenges",
    "Change",
    "Chapter",
    "Choice",
    "Day",
    "Decision",
    "Deferred",
    "Drawer",
    "Drift",
    "Driver",
    "Due",
    "Duration",
    "Edit",
    "Ended",
    "FieldChange",
    "Finding",
    "Frozen",
    "Have",
    "ItemEdit",
    "Keyring",
    "Left",
    "Letter",
    "Location",
    "Makings",
    "Material",
    "Metadata",
    "Money",
    "Naming",
    "Observation",
    "Observed",
    "OnDrift",
    "OpClass",
    "Outlook",
    "OutlookState",
    "Percent",
    "Period",
    "Personal",
    "Place",
    "Plan",
    "PlanLimits",
    "Price",
    "Probe",
    "Proof",
    "Proposal",
    "Reading",
    "Receipt",
    "Ref",
    "Refuse",
    "Resource",
    "Rewrite",
    "Risk",
    "SecretRef",
    "Seller",
    "Severity",
    "Share",
    "Shown",
    "Size",
    "Spec",
    "State",
    "Sway",
    "Terms",
    "To",
    "Unknown",
    "Unmanaged",
    "Unread",
    "UsageBook",
    "UsageState",
    "Verdict",
    "Witness",
    "action_id",
    "digest_of",
    "duration_text",
    "sha256",
    "unproven",
]
