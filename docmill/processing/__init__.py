"""Processing of items: choice of the engine, limits, documents, slices, groups and results.

Used by activities and the batch service. Imports records, objects, sources, engines, remote and
isolation.
"""
