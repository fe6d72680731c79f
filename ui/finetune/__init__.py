"""Fine-tuning: what to learn from, how it learns, and whether the new model is kept."""
