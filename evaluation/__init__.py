"""How good a map is: the confusion matrix and its scores."""
