"""Random kills of every process, singly and in pairs, and the guarantees checked afterwards."""
