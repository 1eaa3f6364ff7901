"""What is looked at before the work: whether a file is of its kind, whether an output can be written. All lessons."""
