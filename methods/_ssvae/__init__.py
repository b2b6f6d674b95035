"""Semi-supervised variational autoencoders of several views: one family, made of parts."""
