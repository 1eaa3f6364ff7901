"""From a scan to the numbers of one face: where the face is, what of it can be trusted, and the fit.

Comes in: a model and a scan, registered or raw, of any unit and pose. Goes out: a `Fit`. Lesson 5 fits registered
meshes, lesson 6 raw scans.
"""
