"""The engine as programs: the worker that QGIS starts, its calls, and the command line."""
