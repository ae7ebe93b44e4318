"""Wire schemas: field names, types and defaults of LlamaCloud's contract."""
