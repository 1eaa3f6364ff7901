"""Mesh files: OBJ, PLY and GLB in, plain tensors out, and back. The room knows nothing of `Mesh` and its methods.

Comes in: a file, or a `MeshRecord` of tensors. Goes out: a `MeshRecord`, or files that are written whole or not at all.
`asm_teach.geometry.mesh.read_mesh` and `Mesh.write` stand on it. Lessons 5 and 6 read scans and new heads with it.
"""
