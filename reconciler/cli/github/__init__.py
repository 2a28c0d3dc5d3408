"""What the workflows say at GitHub: one comment, one issue for each lasting failure."""
