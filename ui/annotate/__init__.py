"""Polygons that say what is where: the layer they are kept in, the classes they mean, and correcting a map by click."""
