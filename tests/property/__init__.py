"""Hypothesis over contracts."""
