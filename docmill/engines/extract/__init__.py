"""Fields of a user's schema from documents: what engines share, and the one without a model."""
