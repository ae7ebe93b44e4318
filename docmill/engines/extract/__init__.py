"""Extraction of the fields of a user's schema: shared parts, and the extractor ``basic``."""
