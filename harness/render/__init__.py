"""Records to tables, figures and pages; computes nothing."""
