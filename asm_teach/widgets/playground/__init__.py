"""The playground: the whole model in one HTML page, for a notebook or a file, and what is computed for it here."""
