"""The recorded runs under a slider: what the curves and the words say is what the record holds."""

from __future__ import annotations

import json

import pytest

from asm_teach.data.assets import data_dir
from asm_teach.widgets import ShortcutExplorer


@pytest.fixture(scope="module")
def record() -> dict:
    return json.loads((data_dir() / "shortcuts.json").read_text())


def test_the_words_say_the_recorded_numbers_of_the_chosen_lambda(record) -> None:
    explorer = ShortcutExplorer(record)
    still = explorer.still()
    assert explorer.text.startswith("λ = 0: F1 on new people 0.")
    explorer.at(0.5)
    mean = sum(record[f"0.5 {seed}"]["probe"] for seed in record["seeds"]) / len(record["seeds"])
    assert f"names {mean:.2f}" in explorer.text and explorer.text in explorer._said.value
    assert explorer.still() != still and explorer._shown.value == explorer.still()


def test_one_seed_has_no_spread(record) -> None:
    assert "±" not in ShortcutExplorer({**record, "seeds": [0]}).text


def test_a_record_that_is_not_whole_is_refused(record) -> None:
    with pytest.raises(ValueError, match="record has no seeds"):
        ShortcutExplorer({"lambdas": [0.0]})
    with pytest.raises(ValueError, match="no whole run '0.3 0'"):
        ShortcutExplorer({**record, "lambdas": [0.0, 0.3]})
    with pytest.raises(ValueError, match="0.3 was not recorded"):
        ShortcutExplorer(record).at(0.3)
