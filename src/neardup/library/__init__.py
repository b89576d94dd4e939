"""Files found, hashed, decoded in processes of their own, embedded once and remembered."""
