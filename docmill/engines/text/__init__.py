"""Plain text, Markdown, CSV and XML: character sets, delimiters, and their engine."""
