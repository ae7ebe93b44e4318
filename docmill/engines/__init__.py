"""Engines, which convert files to results, and their protocol."""
