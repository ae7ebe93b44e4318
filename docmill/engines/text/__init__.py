"""Plain text, Markdown, CSV and XML: character sets, delimiters, and the engine ``plain-text``."""
