"""Whole runs through the one door."""
