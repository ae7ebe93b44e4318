"""What rooms and clients agree on: payloads and wire names of Temporal, status words, event names.

Plain JSON, for clients in any language. The names are the public contract: a test pins them to the
classes that implement them. New fields always have defaults, so that an old history and an old
client still decode. Imports nothing but `docmill.errors` and `docmill.ids`.
"""
