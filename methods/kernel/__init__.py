"""Support vector machines, inductive and transductive."""
