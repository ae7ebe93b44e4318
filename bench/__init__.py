"""Measurements of what a user feels, each beside the limit of what is possible."""
