"""The journal: what is about to happen, and what came of it, in git."""
