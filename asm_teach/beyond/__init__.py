"""What several of the lessons from 12 on share, or a command needs: faces that are read, and a face that speaks.

Lesson 13 and those after it: an embedded head, or a photograph with MediaPipe's points, comes in; crops of 64 x 64
pixels, amounts of action units and maps of where a network looks go out. Lesson 14 adds faces as points with labels,
and readers that are to forget people; lesson 15 maps of flow and clips of landmarks. Lesson 17: a WAV file and the
times of its phones come in; a track that an avatar plays goes out. Lesson 18: pictures of drivers, or a
sentence, come in; two driven faces, or a head that was edited, go out.
"""
