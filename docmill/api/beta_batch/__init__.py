"""Batches of LlamaCloud's v1 API, ``batch-processing``."""
