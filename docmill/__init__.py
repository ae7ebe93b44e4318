"""Docmill: durable batch document processing on Temporal."""
