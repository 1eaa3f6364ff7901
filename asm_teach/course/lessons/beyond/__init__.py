"""The lessons of the "Beyond" series, 12 to 19: their exercises with hints, and their quizzes."""
