"""Data sets: ``base`` is the contract, ``_io`` is machinery, every other module is one set."""
