"""The engine of PDFs and images: LiteParse's native parser, and what is made of its pages."""
