"""Webhook endpoints, and the events on their way to them."""
