"""Rivals that the paper lacks, each a few lines around scikit-learn."""
