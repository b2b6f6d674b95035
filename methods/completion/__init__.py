"""Imputers of absent views that use no label: matrix completion, neighbours, means."""
