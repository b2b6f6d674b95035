"""Training of many stacked models at once; a model is parameters, a loss and minibatches."""
