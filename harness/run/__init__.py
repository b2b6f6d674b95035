"""Running jobs: driver, executors, workers, scoring."""
