"""A head that says a sentence, above the sentence's wave, words, phones and tracks. Lesson 17."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from torch import Tensor

from asm_teach.avatar.expressions import Expressions
from asm_teach.avatar.track import CHANNELS, Track
from asm_teach.beyond.speech.mouth_shapes import speak
from asm_teach.beyond.speech.sentence import SILENCE, Sentence, Timed
from asm_teach.beyond.speech.sound import LEVELS
from asm_teach.drawing.plots import NotebookFigure, render_mesh
from asm_teach.drawing.still import look
from asm_teach.fitting.result import Fit
from asm_teach.model.adaptive import SkinnedModel
from asm_teach.widgets.base.pages import one_file, pack, skin_of
from asm_teach.widgets.track_player.page import NAME, SCRIPTS, STYLES, page_data
from asm_teach.widgets.track_player.track_player import TrackPlayer

_STYLES = (*STYLES, "speech_timeline/timeline.css")
_SCRIPTS = (*SCRIPTS[:-1], "speech_timeline/timeline.js", SCRIPTS[-1])  # before the page, which begins at its end
_NOD, _TURN = 0.3, 0.5  # rad of the head that fill their lane, from its middle
_SAID = {  # what a lane is in words: (where 0 lies in it, what its height stands for, unit)
    "jaw open": (0.0, 50.0, " %"),
    "nod": (0.5, math.degrees(2 * _NOD), "°"),
    "turn": (0.5, math.degrees(2 * _TURN), "°"),
}
_COLOURS = ("#d9480f", "#1971c2", "#2f9e44", "#9c36b5", "#e8a200", "#0b7285")


class SpeechTimeline(TrackPlayer):
    """A head says a sentence; below it lie its wave, words and phones, and what mouth, brows and head do at each time.

    There is one clock, that of the sound: the line stands at what is heard. Click into the drawing to go there; [ and ]
    go by one phone, all other keys are those of the track player. A line below tells in words what is heard.

    Args:
        model: an adaptive or a static model, or a fit, whose model is taken.
        sentence: what the head says.
        track: what the face does; by default what `speak` writes.
        height: of the frame, in pixels.

    Raises:
        ValueError: a mesh without landmarks, unless it is an embedded head; a track that is longer or shorter.
    """

    def __init__(
        self, model: SkinnedModel | Fit, sentence: Sentence, track: Track | None = None, *, height: int = 860
    ) -> None:
        track = speak(sentence) if track is None else track
        if abs(track.seconds - sentence.sound.seconds) > 0.1:
            raise ValueError(
                f"track: it lasts {track.seconds:.2f} s and the sentence {sentence.sound.seconds:.2f} s; give the "
                "track of this sentence"
            )
        self.sentence = sentence
        super().__init__(model, track, height=height)

    @property
    def lanes(self) -> dict[str, Tensor]:
        """What is drawn: name -> (T,) from 0 to 1 at the frames of the track. Angles lie round one half."""
        assert self.track is not None
        amounts = dict(zip(CHANNELS, self.track.amounts.T, strict=True))
        jaw = amounts["jawOpen"]
        found = {
            "jaw open": 2 * jaw,  # no vowel of the rules opens it further than 0.34
            "lips closed": torch.where(jaw > 1e-3, amounts["mouthClose"] / jaw.clamp(min=1e-3), torch.zeros_like(jaw)),
            "lips round": torch.maximum(amounts["mouthPucker"], amounts["mouthFunnel"]),
            "brows up": amounts["browInnerUp"],
            "nod": 0.5 + self.track.head[:, 0] / _NOD / 2,
            "turn": 0.5 + self.track.head[:, 1] / _TURN / 2,
        }
        moving = {name: lane.clamp(0, 1) for name, lane in found.items() if float(lane.max() - lane.min()) > 1e-3}
        return moving or {"jaw open": found["jaw open"]}

    @property
    def text(self) -> str:
        """What the page shows, in words."""
        spoken = sum(name != SILENCE for name, _, _ in self.sentence.phones)
        return f"{super().text}; {len(self.sentence.words)} words, {spoken} phones: {self.sentence.text}"

    def picture(self, times: Sequence[float] | None = None, *, width: int = 240) -> NotebookFigure:
        """Heads at some times, by default in the middle of the longest phones, above the timeline."""
        if times is None:
            longest = sorted(self.sentence.phones, key=lambda p: p.begin - p.end if p.name != SILENCE else 0.0)[:5]
            times = sorted((phone.begin + phone.end) / 2 for phone in longest)
        figure = NotebookFigure((8.2, 4.6), dpi=100, facecolor="white", layout="constrained")
        FigureCanvasAgg(figure)
        grid = figure.add_gridspec(3, len(times), height_ratios=(2.2, 0.8, 1.4))
        mesh, size = self.model.mesh.to("cpu"), (width, round(1.15 * width))
        eye = look(self.performer.vertices.float(), "front", size)
        for number, time in enumerate(times):
            ax = figure.add_subplot(grid[0, number])
            render_mesh(ax, self.vertices(time).float(), mesh.faces, texture=skin_of(mesh), uv=mesh.uv,
                        uv_faces=mesh.uv_faces, size=size, eye=eye)  # fmt: skip
            (name,) = [p.name for p in self.sentence.phones if p.begin <= time < p.end] or [SILENCE]
            ax.set_title(f"{name}, {time:.2f} s", fontsize=8)
        self._draw_sound(figure.add_subplot(grid[1, :]))
        self._draw_lanes(figure.add_subplot(grid[2, :]), times)
        return figure

    def _draw_sound(self, ax: Axes) -> None:
        levels = self.sentence.sound.levels()
        high = (levels / levels.max()).numpy()
        ax.fill_between(np.arange(len(high)) / LEVELS, -high, high, color="0.6", linewidth=0)
        for name, begin, end in self.sentence.phones:
            if name != SILENCE:
                ax.text((begin + end) / 2, -1.35, name, ha="center", va="center", fontsize=6)
        for name, begin, end in self.sentence.words:
            ax.text((begin + end) / 2, 1.25, name, ha="center", va="center", fontsize=8)
            ax.axvline(begin, color="0.85", linewidth=0.6)
        ax.set(xlim=(0, self.sentence.sound.seconds), ylim=(-1.6, 1.6), xticks=[], yticks=[])

    def _draw_lanes(self, ax: Axes, times: Sequence[float]) -> None:
        assert self.track is not None
        for (name, lane), colour in zip(self.lanes.items(), _COLOURS, strict=False):
            ax.plot(self.track.times, lane, color=colour, linewidth=1.2, label=name)
        for time in times:
            ax.axvline(time, color="0.8", linewidth=0.8, zorder=0)
        ax.legend(fontsize=7, ncols=6, loc=9, frameon=False, bbox_to_anchor=(0.5, -0.3))
        ax.set(xlim=(0, self.sentence.sound.seconds), ylim=(-0.05, 1.05), xlabel="s", yticks=[])

    def _written(self, shapes: Expressions) -> str:
        assert self.track is not None
        levels = self.sentence.sound.levels()
        sentence = {
            "text": self.sentence.text,
            "words": [_row(word) for word in self.sentence.words],
            "phones": [_row(phone) for phone in self.sentence.phones],
            "levels": pack(levels / levels.max()),
            "lanes": [
                {"name": name, "colour": colour, "values": pack(lane[::2]), "said": _SAID.get(name, (0.0, 100.0, " %"))}
                for (name, lane), colour in zip(self.lanes.items(), _COLOURS, strict=False)
            ],
        }
        data = {**page_data(self.model, self.performer, self.track, edits=False), "sentence": sentence}
        return one_file("track_player/page.html", _STYLES, _SCRIPTS, data, NAME)


def _row(part: Timed) -> list[str | float]:
    return [part.name, round(part.begin, 3), round(part.end, 3)]
