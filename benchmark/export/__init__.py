"""Runs as other tools read them."""
