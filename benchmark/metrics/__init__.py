"""Metrics with their definition cards."""
