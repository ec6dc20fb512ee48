"""Training of the prior: scenes with known motion, the trainer, and its weights."""
