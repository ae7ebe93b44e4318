"""Code that all resources share: errors, middleware, idempotency, pagination, uploads, links.

It imports no resource.
"""
