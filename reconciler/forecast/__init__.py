"""
What will be needed, and what is strange: pure functions of numbers and a seed.

Nothing here reads a clock or a file. numpy is what it costs, and only those modules that
compute import it: importing this package, to name an `Outlook`, does not.
"""
