"""Backup policies as other programs write them, read as documents of ours."""
