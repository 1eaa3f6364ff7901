"""What every other room stands on: checks of input, devices, arrays and files.

Comes in: what a user gives (numbers, paths). Goes out: tensors and files that are known to be good, or a
`ValueError` that names argument, finding and remedy. No lesson is about it; all use it.
"""
