"""A template's text to YAML nodes, or to one fault with its line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.errors import TemplateError
from emulator.sam.template import load
from tests.sam.templates import HEAD, function, written

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "it is empty"),
        ("# nothing\n", 1, "it is empty"),
        ("Resources: {}\n", 1, "it needs 'Transform: AWS::Serverless-2016-10-31'"),
        (HEAD, 1, "it needs Resources"),
        (
            "Transform: Other\nResources: {}\n",
            1,
            "Transform must be AWS::Serverless-2016-10-31, not Other",
        ),
        (
            HEAD + "Resources:\n  a: b: c\n",
            3,
            "no YAML: mapping values are not allowed here",
        ),
        (
            HEAD + "Resources:\n  A: [1, 2\n",
            4,
            "no YAML: expected ',' or ']', but got '<stream end>', while parsing a flow sequence",
        ),
        (HEAD + "A: \x07\n", 2, "no YAML: special characters are not allowed"),
        (HEAD + "A: *b\n", 2, "no YAML: found undefined alias 'b'"),
        (
            "a: 1\n---\nb: 2\n",
            2,
            "no YAML: but found another document, expected a single document in the stream",
        ),
    ],
)
def test_no_template_at_all(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(TemplateError) as raised:
        load(path)
    assert str(raised.value).split("\n")[0] == f"{path}:{line}: {message}"
    assert raised.value.line == line


@pytest.mark.parametrize(
    ("opened", "closed"), [("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", "")], ids=repr
)
@pytest.mark.parametrize("depth", [500, 20_000])
def test_deep_nesting_is_a_fault_with_its_line(
    tmp_path: Path, opened: str, closed: str, depth: int
) -> None:
    path = written(tmp_path, f"{HEAD}Metadata:\n  a:\n    {opened * depth}1{closed * depth}\n")
    with pytest.raises(TemplateError, match="nested too deeply") as raised:
        load(path)
    assert raised.value.line == 4


@pytest.mark.parametrize(
    ("text", "name"), [(r'"a\ud800"', "half a surrogate pair"), (r'"a\0b"', "a NUL character")]
)
def test_text_that_no_file_can_hold_is_a_fault_with_its_line(
    tmp_path: Path, text: str, name: str
) -> None:
    for stated in (f"Description: {text}", f"Environment:\n  Variables:\n    A: {text}"):
        path = written(tmp_path, HEAD + function(stated))
        with pytest.raises(TemplateError) as raised:
            load(path)
        line = path.read_text().split(text)[0].count("\n") + 1
        assert str(raised.value) == f"{path}:{line}: a text has {name}"
