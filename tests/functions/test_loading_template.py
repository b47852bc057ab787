from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from emulator.live.backends.process import dockerfile
from emulator.sam import template

if TYPE_CHECKING:
    from emulator.core.function_configuration import ImageSource

FUNCTIONS = Path(__file__).parents[2] / "functions"
TEMPLATE = template.load(FUNCTIONS / "loading.yaml")


def test_each_model_has_a_route() -> None:
    routes = {f"{route.method} {route.path}": route.function for route in TEMPLATE.routes}
    assert routes == {"POST /predict": "kdd99-tf", "POST /segment": "segmentation"}


def test_each_function_says_how_its_model_is_loaded() -> None:
    for function in TEMPLATE.functions:
        assert function.environment == {"MODEL_LOADING": "layer", "MODEL_BUCKET": "models"}


def image_of(name: str) -> ImageSource:
    (image,) = (function.image for function in TEMPLATE.functions if function.name == name)
    assert image is not None
    return image


def placed(name: str) -> dict[str, Path]:
    """Where each file of a function's image comes from."""
    image = image_of(name)
    return dict(dockerfile.read(Path(image.dockerfile), Path(image.context)).content)


def test_each_image_has_its_model_as_a_package_and_as_a_layer() -> None:
    for name, layer, model in (
        ("kdd99-tf", "opt/kdd99/", FUNCTIONS / "kdd99" / "layer" / "kdd99"),
        ("segmentation", "opt/segmentation/", FUNCTIONS / "segmentation" / "model"),
    ):
        files = {
            path.relative_to(model).as_posix(): path for path in model.rglob("*") if path.is_file()
        }
        for place in (layer, "task/model/"):
            content = placed(name)
            there = [path for path in content if path.startswith(place)]
            assert sorted(there) == sorted(place + file for file in files)
            assert all(content[place + file] == path for file, path in files.items())


def test_each_image_has_the_modules_that_it_imports() -> None:
    shared = {"opt/python/model_loading.py", "opt/python/http_event.py", "task/app.py"}
    assert shared | {"opt/python/kdd99.py"} <= set(placed("kdd99-tf"))
    assert shared | {"task/segmentation.py"} <= set(placed("segmentation"))


def test_images_begin_alike_so_that_tensorflow_is_built_once() -> None:
    beginnings = []
    for name in ("kdd99-tf", "segmentation"):
        lines = Path(image_of(name).dockerfile).read_text(encoding="utf-8").splitlines()
        steps = [line for line in lines if line and not line.startswith("#")]
        beginnings.append(steps[:6])
    assert beginnings[0] == beginnings[1]
    assert beginnings[0][-1].startswith("RUN pip install")
