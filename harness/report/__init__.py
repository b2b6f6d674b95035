"""Reports: a table of trials -> sections of tables and figures -> files."""
