"""A bone to be slid over the chart; its pivot follows over the skin. Lesson 3."""
