"""A second, cheap reading of Office files, mail, e-books and HTML: what their engine leaves out."""
