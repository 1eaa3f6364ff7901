"""The course: exercises that say what is wrong, hints, predictions, quizzes, progress, student copies, marks.

    from asm_teach.course import check, hint, predict, happened, quiz, progress

Comes in: a learner's answer, or a folder of notebooks. Goes out: a verdict in words, a record of progress, student
copies, points. The names are loaded when first used; all of it works without a browser. Every lesson uses it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
