"""One method a file; the file stem is its registry key."""
