"""Numerical methods against results that no one here wrote."""
