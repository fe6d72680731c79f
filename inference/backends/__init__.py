"""Runtimes that evaluate a network: the only room that knows torch from any other."""
