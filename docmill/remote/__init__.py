"""Remote engines, which run over HTTP in the worker's own process.

This package imports engines, outbound, parameters and the saved steps of the records.
"""
