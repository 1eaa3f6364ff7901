"""The Gaussians of a bone, to be dragged on the chart; the weights follow. Lesson 2."""
