"""Data of a stranger."""
