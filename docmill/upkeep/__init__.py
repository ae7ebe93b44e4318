"""Background removal of expired data, and of leftovers of items at remote engines and in the store.

This package imports records, objects, processing and remote.
"""
