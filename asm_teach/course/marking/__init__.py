"""Student copies of the notebooks, and the points of what comes back."""
