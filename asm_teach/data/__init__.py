"""What the toolkit learns and is measured from: embedded heads, sampled people, scans and photographs to fetch.

Comes in: a name. Goes out: a `Head`, a scan or photographs, in millimetres, with their licence. Every lesson uses it.
"""
