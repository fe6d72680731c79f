"""Runs of the engine as QGIS tasks: one after another, each to be watched, cancelled or ended early."""
