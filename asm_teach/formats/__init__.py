"""Files in, plain tensors out, and back: meshes and pictures. The room knows nothing of `Mesh`.

Comes in: a file, a picture, or a `MeshRecord` of tensors. Goes out: tensors, files that are written whole or not at
all, and the unit that a mesh file most likely has. `asm_teach.geometry.mesh.read_mesh` and `Mesh.write` stand on it.
Lessons 5 and 6 read scans and new heads with it, lesson 8 photographs.
"""
