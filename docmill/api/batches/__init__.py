"""Batches of LlamaCloud's v2 API, and what Docmill adds to steer and watch them."""
