"""Batches of LlamaCloud's v2 API, and Docmill's own routes to control and watch batches."""
