"""The test kit: a mock engine, and a test suite for engines. Nothing of it is active by default."""
