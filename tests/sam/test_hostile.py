"""Templates that nobody means well: each ends in functions or in faults with their lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from emulator.core.profiles.aws_2025 import AWS_2025
from emulator.errors import TemplateError
from emulator.sam.template import load
from tests.sam.templates import HEAD, faults, function, written

if TYPE_CHECKING:
    from pathlib import Path

MANY_DIGITS = "9" * 5000


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


def test_number_of_many_digits_is_a_fault(tmp_path: Path) -> None:
    assert faults(
        tmp_path,
        function(
            f"""
            MemorySize: {MANY_DIGITS}  #!
            Environment:
              Variables:
                A: {MANY_DIGITS}  #!
            """
        ),
    ) == [
        f"Echo: MemorySize must be a whole number, not '{MANY_DIGITS[:60]}…'",
        f"Echo: Environment: A must be text or a number, not '{MANY_DIGITS[:60]}…'",
    ]


def test_value_that_is_not_what_its_tag_says_is_a_fault(tmp_path: Path) -> None:
    assert faults(
        tmp_path,
        function(
            """
            Environment:
              Variables:
                A: !!int one  #!
                B: !!float two  #!
                C: !!bool three  #!
            """
        ),
    ) == [
        "Echo: Environment: A must be text or a number, not 'one'",
        "Echo: Environment: B must be text or a number, not 'two'",
        "Echo: Environment: C must be text or a number, not 'three'",
    ]


def test_folder_whose_name_is_too_long_is_not_there(tmp_path: Path) -> None:
    name = "x" * 5000
    found = faults(tmp_path, function("").replace("CodeUri: code", f"CodeUri: {name}  #!"))
    assert found == [f"Echo: CodeUri: there is no folder {tmp_path / name}"]


KEYS = st.sampled_from(
    [
        *("Resources", "Globals", "Parameters", "Function", "Echo", "Type", "Properties"),
        *("CodeUri", "Handler", "Runtime", "MemorySize", "Timeout", "Environment", "Variables"),
        *("Layers", "Architectures", "FunctionUrlConfig", "AuthType", "Cors", "MaxAge", "Events"),
        *("Path", "Method", "PackageType", "ImageConfig", "Metadata", "DockerContext", "Default"),
        *("Ref", "Fn::Sub", "<<", "EphemeralStorage", "Size", "LoggingConfig", "AutoPublishAlias"),
        *("ProvisionedConcurrencyConfig", "ProvisionedConcurrentExecutions", "Transform"),
    ]
)
SCALARS = st.one_of(
    st.sampled_from(
        [
            *("AWS::Serverless::Function", "AWS::Serverless::LayerVersion", "HttpApi", "code"),
            *("NONE", "Image", "Zip", "String", "/a/{b+}", "/", "ANY", "!Ref Echo", "!Sub '${A'"),
            *("!!int x", "!!float .", "!!bool 1", "!!null x", "!!binary x", "!!set {a}", "&a [*a]"),
            *('"\\0"', '"\\ud800"', "1:60:60", "0x", "0b2", "-.inf", "~", "", "*a", "&a b", "!Ref"),
            *("9" * 5000, "!!timestamp x", "!GetAtt a.b", "!Sub [a, {}]", "2026-02-30", "1e999"),
        ]
    ),
    st.text(max_size=20),
    st.integers().map(str),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.lists(st.tuples(KEYS, inner), max_size=4).map(
            lambda pairs: "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"
        ),
    ),
    max_leaves=20,
)


PLACES = st.sampled_from(
    [
        *("Environment: {{Variables: {{A: {}}}}}", "MemorySize: {}", "Timeout: {}", "Layers: [{}]"),
        *("Architectures: [{}]", "EphemeralStorage: {{Size: {}}}", "Description: {}", "Tags: {}"),
        "FunctionUrlConfig: {{AuthType: NONE, Cors: {{MaxAge: {}, AllowOrigins: [{}]}}}}",
        "Events: {{E: {{Type: HttpApi, Properties: {{Path: {}, Method: {}}}}}}}",
        "LoggingConfig: {{LogFormat: {}, LogGroup: {}}}",
    ]
)


def loads_or_tells_where(folder: Path, text: str) -> None:
    path = folder / "template.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        load(path, AWS_2025)
    except TemplateError as error:
        assert str(error).startswith(f"{path}:")  # noqa: PT017  # either end is right


HOSTILE = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@HOSTILE
@given(properties=st.lists(st.tuples(KEYS, TREES), max_size=6))
def test_function_of_any_shape_is_read_or_refused_with_a_line(
    tmp_path: Path, properties: list[tuple[str, str]]
) -> None:
    stated = "\n".join(f"{key}: {value}" for key, value in properties)
    loads_or_tells_where(tmp_path, HEAD + function(stated))


@HOSTILE
@given(place=PLACES, value=SCALARS)
def test_value_of_any_kind_is_read_or_refused_with_a_line(
    tmp_path: Path, place: str, value: str
) -> None:
    loads_or_tells_where(tmp_path, HEAD + function(place.format(value, value)))


@HOSTILE
@given(text=st.one_of(TREES, st.text(), st.lists(st.tuples(KEYS, TREES)).map(repr)))
@example(text="{}")
@example(text="Transform: AWS::Serverless-2016-10-31\nResources: &a {Echo: *a}")
@example(text="\ud800")
def test_file_of_any_text_is_read_or_refused_with_a_line(tmp_path: Path, text: str) -> None:
    loads_or_tells_where(tmp_path, text)
