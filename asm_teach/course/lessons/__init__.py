"""One module a lesson: its exercises with their hints, and its quiz."""
