"""glTF 2.0: `scene` reads a file as one mesh, `skinned` with its bones too; `writer` writes what engines play.

Below them `container` reads the bytes, `nodes` the tree, `primitive` and `pieces` the meshes, `skeleton` the bones.
"""
