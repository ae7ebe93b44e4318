"""Any OpenAI-compatible endpoint as an engine for extract and classify."""
