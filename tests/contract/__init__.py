"""Suites that run over every registered entry."""
