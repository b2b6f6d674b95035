"""Frozen numbers and the command that rewrites them."""
