"""Tables and figures: ``base`` is the contract, each module without underscore is a protocol."""

FORMER_KEYS = {"leak": "split_leakage"}
"""Former key of a protocol -> its key now; accepted for one release, with a notice."""
