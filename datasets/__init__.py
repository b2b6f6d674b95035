"""Data sets: ``base`` is the contract, each module or package without underscore is a data set."""
