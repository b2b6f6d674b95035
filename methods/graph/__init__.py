"""Classifiers on similarity graphs of the rows."""
