"""Reproduce the tables and figures of Du et al. (ACM MM 2018): ``python run_all.py --help``."""

from __future__ import annotations

import sys

from harness.cli import main

if __name__ == "__main__":
    sys.exit(main())
