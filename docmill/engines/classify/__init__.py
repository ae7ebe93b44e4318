"""Which of a user's types a document has: the protocol of classifiers, and those we have."""
