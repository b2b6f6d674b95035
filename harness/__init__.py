"""Plan runs, execute fits, store records, analyse them, write reports."""
