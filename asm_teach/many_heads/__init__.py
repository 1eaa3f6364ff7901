"""Many heads at once: a folder of scans, or of people in photographs, fitted by many workers.

Comes in: folders, and an executor of Python's `concurrent.futures` that runs the fits wherever it likes. Goes out: a
folder with a saved model for each head, a manifest that says how each of them went, a page to look at them all, and a
model of the whole collection.
"""
