"""``python -m reconciler.cli``: the same as ``reconciler``."""

from reconciler.cli import main

main()
