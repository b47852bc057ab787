from __future__ import annotations

import warnings

import pytest

from emulator.experiments.report.charts.style import lanes, new_figure, png

LONG = "kdd99-java-2018-unshared 1024 MB docker, ramp, without model-each-request, network of 2018"


@pytest.mark.parametrize("name", ["echo 256 MB", LONG])
def test_names_of_lanes_leave_their_panel_room_and_are_whole(name: str) -> None:
    figure = new_figure(8.6, 3)
    panel = figure.add_subplot()
    lanes(panel, [name, name])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # as of a layout for which there is no room
        png(figure)
    assert panel.get_window_extent().width > figure.bbox.width / 2
    for label in panel.get_yticklabels():
        assert label.get_text().replace("\n", " ") == name
        assert label.get_window_extent().x0 >= 0
