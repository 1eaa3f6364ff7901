"""The names of three.js that the 3D views use: pythreejs is imported here and nowhere else.

A library that offers the same names is tried by changing the one import below. It imports nothing else of the package,
because `early` opens it before PyTorch is loaded. What has to be known of pythreejs 2.4: a turn is set by `quaternion`
(`rotation` is ignored); an array is sent when a new one is assigned, in float32; at most eight views live on a page.
"""

import pythreejs as _library

BufferAttribute, BufferGeometry = _library.BufferAttribute, _library.BufferGeometry
DataTexture, ShaderMaterial = _library.DataTexture, _library.ShaderMaterial
Object3D, Mesh, Points, Scene = _library.Object3D, _library.Mesh, _library.Points, _library.Scene
PerspectiveCamera, OrbitControls, Picker = _library.PerspectiveCamera, _library.OrbitControls, _library.Picker
Renderer = _library.Renderer
