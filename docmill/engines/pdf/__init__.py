"""A second, cheap reading of PDFs: objects, drawings, form fields, annotations, attachments."""
