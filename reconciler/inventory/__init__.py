"""
YAML in git to resources that know where they were written.

Reads files and runs git; knows neither the clock nor any vendor.
"""

from reconciler.inventory.inventory import Inventory
from reconciler.inventory.load import load
from reconciler.inventory.source import GitTree, Source, WorkTree

__all__ = ["GitTree", "Inventory", "Source", "WorkTree", "load"]
