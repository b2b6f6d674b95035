"""Plan, execute, store, judge, render."""
