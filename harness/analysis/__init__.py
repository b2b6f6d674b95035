"""Records to tables of numbers: selection, statistics, aggregation."""
