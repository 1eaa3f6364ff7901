"""glTF 2.0: `container`, `primitive` and `scene` read a file as one mesh; `writer` writes what engines play."""
