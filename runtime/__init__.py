"""How QGIS reaches the engine: the environment it runs in, the worker process and the messages."""
