"""Single jobs of every product: created, found, listed, and the documents that they name."""
