"""One item: which engine reads it, its limits, its bytes, its slices and groups, its results.

Used by activities and by the batch service; imports records, objects, sources, engines, remote and
isolation.
"""
