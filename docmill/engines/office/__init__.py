"""Office files, mail, e-books and HTML: their engine, and a second, cheap reading of the source."""
