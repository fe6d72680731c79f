"""The layers of a result, and the panel beside them."""
