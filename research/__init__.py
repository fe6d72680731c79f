"""Training: samples, the fit loop and evaluation."""
