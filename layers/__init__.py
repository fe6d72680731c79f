"""QGIS layers in and out: sources of a job, results and their looks, annotations."""
