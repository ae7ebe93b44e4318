"""Webhooks on their way out: messages, signatures, attempts, rounds, and who is woken for them."""
