"""Sample scenes made by scripts, for the demonstration and for tests that need a truth."""
