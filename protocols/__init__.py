"""One protocol a file: a table or figure of the paper."""
