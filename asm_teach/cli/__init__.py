"""The command line `asm-teach`, and the kernel that `asm-teach lab` gives to JupyterLab.

Comes in: arguments. Goes out: files, tables and one readable line on standard error where something is wrong.
"""
