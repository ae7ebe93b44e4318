"""Activities: all side effects of the workflows, one class per concern."""
