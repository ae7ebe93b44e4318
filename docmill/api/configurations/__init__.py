"""Saved, versioned parameters of products."""
