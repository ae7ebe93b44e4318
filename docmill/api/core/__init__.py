"""What all resources share: errors, guards, idempotency, paging, scope, uploads, signed links.

Imports no resource.
"""
