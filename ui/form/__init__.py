"""The form: what the analyst chooses, checked while it is chosen."""
