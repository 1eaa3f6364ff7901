"""The playground: the finished model as one HTML page that needs neither kernel nor network.

Comes in: an adaptive model. Goes out: the page, as a widget in its notebook or as a file that `asm-teach playground`
writes, with sliders, other people and expressions that are solved for here. The model runs in the `*.js` files.
"""
