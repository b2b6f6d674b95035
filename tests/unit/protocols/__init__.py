"""Unit tests of the protocols."""
