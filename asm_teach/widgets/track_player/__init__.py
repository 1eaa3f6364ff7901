"""The track player: a head that performs, as one HTML page that needs neither kernel nor network.

Comes in: a model, and a recorded face. Goes out: the page, as a widget in its notebook or as a file that `asm-teach
avatar --page` writes. It draws with the playground's programs; what is its own runs in the `*.js` files. Lesson 10.
"""
