"""What is removed in the background: results past their retention, leftovers at remote services."""
