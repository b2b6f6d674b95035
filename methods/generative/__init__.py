"""Deep generative methods: the paper's own and its generative baselines."""
