from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

FUNCTIONS = Path(__file__).parents[2] / "functions"


class Loader(yaml.SafeLoader):
    """Reads `!Ref X` as "X"."""


Loader.add_constructor("!Ref", lambda _loader, node: node.value)


def functions() -> dict[str, dict[str, Any]]:
    text = (FUNCTIONS / "template.yaml").read_text(encoding="utf-8")
    resources = yaml.load(text, Loader)["Resources"].values()
    return {
        resource["Properties"]["FunctionName"]: resource
        for resource in resources
        if resource["Type"] == "AWS::Serverless::Function"
    }


def test_routes_lead_to_their_functions() -> None:
    routes = {
        f"{event['Properties']['Method']} {event['Properties']['Path']}": name
        for name, function in functions().items()
        for event in function["Properties"]["Events"].values()
    }
    assert routes == {
        "POST /predict": "kdd99-tf",
        "POST /predict/litert": "kdd99-litert",
        "POST /predict/numpy": "kdd99-numpy",
        "POST /echo": "echo",
    }


def test_code_and_dockerfile_are_where_the_template_says() -> None:
    for name, function in functions().items():
        if function["Properties"].get("PackageType") == "Image":
            assert (FUNCTIONS / function["Metadata"]["Dockerfile"]).is_file()
        else:
            assert function["Properties"]["CodeUri"] == f"{name}/"
            assert (FUNCTIONS / name / "app.py").is_file()


def test_image_function_names_neither_handler_nor_runtime_nor_layers() -> None:
    properties = functions()["kdd99-tf"]["Properties"]
    assert {"Handler", "Runtime", "Layers"}.isdisjoint(properties)


def test_every_requirement_is_pinned() -> None:
    lines = [
        line
        for file in sorted(FUNCTIONS.glob("*/requirements.txt"))
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    assert len(lines) == 6
    assert all("==" in line for line in lines)
