"""The engine's Python environment as the analyst sees it: what is there, installing, repairing, removing."""
