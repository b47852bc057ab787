"""Templates that nobody means well: each ends in functions or in faults with their lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from emulator.core.profiles.aws_2025 import AWS_2025
from emulator.errors import TemplateError
from emulator.sam.template import load
from tests.sam.templates import HEAD, function

if TYPE_CHECKING:
    from pathlib import Path

MANY_DIGITS = "9" * 5000


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
