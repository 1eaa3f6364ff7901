"""What the toolkit learns and is measured from: embedded heads, sampled people, scans and photographs to fetch.

Comes in: a name. Goes out: a `Head`, a scan or photographs, in millimetres, with their licence. Every lesson uses it.
"""

from asm_teach.base.old_names import old_attributes

__getattr__ = old_attributes("data")
