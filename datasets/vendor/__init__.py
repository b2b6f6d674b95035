"""Vendored data files, their checksums and licences, and the script that made them."""
