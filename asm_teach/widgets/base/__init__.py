"""What all widgets share: the looks, keys and words of the page, colours for data, poses as text, the 3D library.

Comes in: numbers of vertices, parameters of a model, words. Goes out: colours, HTML, JSON, and the names of three.js.
`early` is imported first, so that a page fetches its 3D library while the kernel loads PyTorch. For every lesson.
"""
