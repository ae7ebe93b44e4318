"""What touches the world, one class per concern."""
