"""Second reading of PDFs: objects, drawings, form fields, annotations, attachments."""
