"""Code that the jobs of all products share: creation, lookup, lists, documents, configurations."""
