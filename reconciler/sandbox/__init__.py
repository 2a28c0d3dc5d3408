"""Local servers that behave like the vendors."""
