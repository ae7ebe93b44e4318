"""Engines over HTTP: what waits for others, in the worker's own process."""
