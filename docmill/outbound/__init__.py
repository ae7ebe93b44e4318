"""Addresses that come from outside: where they may lead, and documents fetched from them.

Imports `docmill.errors` alone.
"""
