"""The engine `llm`: extract and classify with any OpenAI-compatible endpoint."""
