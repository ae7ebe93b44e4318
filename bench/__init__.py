"""Benchmarks: each figure compares Docmill with the limit of what is possible."""
