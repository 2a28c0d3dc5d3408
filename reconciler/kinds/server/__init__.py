"""A machine of ours at a cloud: its size, its volumes, and that it runs."""

from reconciler.kinds.server.changes import (
    GrowVolume,
    PowerOn,
    Resize,
    ServerChange,
)
from reconciler.kinds.server.server import Server
from reconciler.kinds.server.spec import ROOT, ServerSpec, SizeRange
from reconciler.kinds.server.state import SERVER, Offer, ServerState

__all__ = [
    "ROOT",
    "SERVER",
    "GrowVolume",
    "Offer",
    "PowerOn",
    "Resize",
    "Server",
    "ServerChange",
    "ServerSpec",
    "ServerState",
    "SizeRange",
]

KIND = Server
