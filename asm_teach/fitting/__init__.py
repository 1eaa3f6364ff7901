"""What every fit shares: its result and history, priors, energies, normal equations and damped second-order steps.

Comes in: a model and what its vertices should come to. Goes out: the model moved, with a history. Lesson 5 builds the
steps by hand; lessons 6 and 8 use them.
"""

from asm_teach.base.old_names import old_attributes

__getattr__ = old_attributes("fitting")
