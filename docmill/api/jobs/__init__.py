"""Single jobs of every product: created, found, filter_, and the documents that they name."""
