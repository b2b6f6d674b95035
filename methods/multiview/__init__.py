"""Representations learned from several views without labels."""
