"""Reference rows outside the paper."""
