"""Rasters: opened, described, read in windows of a geobox, written and renamed into place."""
