"""Deterministic code only. Kept empty: the sandbox runs this file again for every run."""
