"""The trial-stacked trainer: nets, densities, loop, noise, selection."""
