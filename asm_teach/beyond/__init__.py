"""What several of the lessons from 12 on share, or a command needs: a face that speaks.

Comes in: a WAV file and the times of its phones. Goes out: a track that an avatar plays. Lesson 17.
"""
