"""The HTTP API: one package per resource, with its routes and its request and response models.

All resources share `core`; the jobs of all products share `jobs`. A resource imports these two, the
services of `docmill.batches`, and the packages below them.
"""
