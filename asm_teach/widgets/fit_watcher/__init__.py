"""A fit while it runs: the face, its cameras, its loss, with pause and stop. Lessons 0, 5, 6 and 8."""
