"""
Local servers that behave like the vendors, over real sockets.

The same drivers as in production speak to them; there is no fake driver.
"""

from reconciler.sandbox.clock import SandboxClock
from reconciler.sandbox.emulator import Bench, Emulator, Server, emulator
from reconciler.sandbox.faults import Fault, Faults
from reconciler.sandbox.gate import Gate
from reconciler.sandbox.ledger import Effect, Ledger
from reconciler.sandbox.sandbox import Sandbox
from reconciler.sandbox.server import AsgiServer
from reconciler.sandbox.world import World

__all__ = [
    "AsgiServer",
    "Bench",
    "Effect",
    "Emulator",
    "Fault",
    "Faults",
    "Gate",
    "Ledger",
    "Sandbox",
    "SandboxClock",
    "Server",
    "World",
    "emulator",
]
