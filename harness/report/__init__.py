"""Reports: a table of trials -> sections of tables and figures -> files."""

import os

# Jupyter and Colab name a backend that may not be installed; any import of matplotlib would fail
# on it, so this stands before all of them.
os.environ["MPLBACKEND"] = "agg"
