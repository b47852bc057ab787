"""Holds path `aws-2021/zip-size`: nothing but the wait for code, by the size of its zip."""

from dataclasses import replace

from emulator.core.network_path import Trust
from emulator.core.network_paths.local import LOCAL
from emulator.core.placement import Placement

AWS_2021_ZIP_SIZE = replace(
    LOCAL,
    name="aws-2021/zip-size",
    description="clients within reach, and code that is fetched by its size, in 2021",
    placement=Placement(
        ((0.0, 0.0), (14.0, 1.431), (35.0, 3.611)),
        Trust.MEDIUM,
        "Median cold starts of 2021 by zip size: 1 KB .264 s, 14 MB 1.695 s, 35 MB 3.875 s; what "
        "is above that of 1 KB. Loading the larger code is in there too, so that a function whose "
        "own init is long is counted twice in part.",
    ),
)
