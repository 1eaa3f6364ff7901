"""The evidence: models, faces, pictures and tables that the claims of lessons 5, 6 and 9 and of the README rest on.

Comes in: seeds and names of heads. Goes out: tables in millimetres, printed by `asm-teach demo`, `capacity`, `heads`
and `views`.
"""
