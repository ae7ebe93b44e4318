"""Output folders of runs: result files, the manifest and the report.

This package imports contracts, errors, objects and records.
"""
