"""What the analyst sees in QGIS."""
