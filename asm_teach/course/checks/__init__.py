"""Judging an answer: how checkers are registered, comparisons, and the slips that they recognise."""
