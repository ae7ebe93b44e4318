"""kill -9 of everything, at seeded moments, in pairs as well as singly; then the promises."""
