"""
What will be needed, and what is strange: pure functions of numbers and a seed.

Nothing here reads a clock or a file. numpy is what it costs, and only those modules
that compute import it: importing this package, to name an `Outlook`, does not.
"""

from reconciler.forecast.ahead import Kind, Outlook, outlook
from reconciler.forecast.chart import Chart, sparkline, svg

__all__ = ["Chart", "Kind", "Outlook", "outlook", "sparkline", "svg"]
