"""Deterministic workflow code. This file stays empty: the sandbox executes it for every run."""
