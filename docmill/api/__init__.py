"""The HTTP API, one package per resource: routes, schemas, and how answers are made.

`core` is what resources share; `jobs` is what the single jobs of all products share. Packages of
resources import those two, the services of `docmill.batches`, and the rooms below them.
"""
