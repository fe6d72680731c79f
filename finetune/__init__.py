"""Fine-tuning of a model on an analyst's own polygons."""
