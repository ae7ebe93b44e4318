"""How much the engine `basic` extracts from real documents."""
