"""A fit while it runs, in a thread beside the notebook: pause it, or stop it with the best so far. Lessons 0, 4 and 5.

Comes in: a fit function, a model, a scan or views. Goes out: the face turned to where the template looks, coloured by
its distance from the scan, the loss as a curve, the cameras from above, all in words too; and the finished `Fit`.
"""
