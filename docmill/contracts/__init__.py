"""Contracts between packages and with clients: Temporal payloads and names, states, event names.

Payloads are plain JSON, for clients in any language. The names are public: a test pins them to the
classes that implement them. New fields always have defaults, so that old histories and old clients
still decode. This package imports only `docmill.errors` and `docmill.ids`.
"""
