"""What is kept on disk: records, arrays, checkpoints, digests of code."""
