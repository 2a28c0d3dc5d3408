"""Reading inventory/: YAML in, resources out, every value with its place."""
