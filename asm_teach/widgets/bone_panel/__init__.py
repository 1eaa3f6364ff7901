"""A bone and its nine sliders, with undo and a pose as JSON. Lessons 0, 1 and 4."""
