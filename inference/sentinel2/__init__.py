"""Sentinel-2 time series: read in the forms in which analysts have them, screened, averaged, cut for tiles."""
