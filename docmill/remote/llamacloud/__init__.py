"""LlamaCloud, or another Docmill that speaks its API, as an engine for all three products."""
