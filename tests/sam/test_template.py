from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from emulator.core.function_configuration import FunctionConfiguration, ImageSource, PackageType
from emulator.core.function_url import Cors, FunctionUrl, InvokeMode, UrlAuth
from emulator.core.log_configuration import (
    ApplicationLogLevel,
    LogConfiguration,
    LogFormat,
    SystemLogLevel,
)
from emulator.core.prices import Architecture
from emulator.core.profile import AWS_2018, AWS_2025
from emulator.core.routes import Route
from emulator.errors import TemplateError
from emulator.sam.template import Template, load

TABLE = (
    "Table: Type 'AWS::DynamoDB::Table' is not supported, "
    "only AWS::Serverless::Function and AWS::Serverless::LayerVersion are"
)
FETCH = (
    "Echo: event Fetch: Method 'FETCH' is none of ANY, DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
)
HEAD = "Transform: AWS::Serverless-2016-10-31\n"


@pytest.fixture(autouse=True)
def _code(tmp_path: Path) -> None:
    for folder in ("code", "layer", "other", "image"):
        (tmp_path / folder).mkdir()
    (tmp_path / "image" / "Dockerfile").touch()
    (tmp_path / "image" / "Other").touch()


def written(folder: Path, text: str) -> Path:
    path = folder / "template.yaml"
    path.write_text(text)
    return path


def read(folder: Path, text: str) -> Template:
    return load(written(folder, HEAD + textwrap.dedent(text)), machine="x86_64")


def faults(folder: Path, text: str) -> list[str]:
    """The messages, after checking that they name the lines marked `#!`, in their order."""
    whole = HEAD + textwrap.dedent(text)
    path = written(folder, whole)
    with pytest.raises(TemplateError) as raised:
        load(path, machine="x86_64")
    told = [line.removeprefix(f"{path}:").split(": ", 1) for line in str(raised.value).split("\n")]
    marked = [number for number, line in enumerate(whole.split("\n"), 1) if "#!" in line]
    assert sorted({int(number) for number, _ in told}) == marked
    assert raised.value.line == marked[0]
    return [message for _, message in told]


def function(properties: str, name: str = "Echo") -> str:
    """A template of one right zip function with more properties."""
    body = textwrap.indent(textwrap.dedent(properties).lstrip("\n"), " " * 6)
    return f"""\
Resources:
  {name}:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      Handler: app.handler
      Runtime: python3.13
{body}"""


def test_the_least_function_has_lambdas_defaults(tmp_path: Path) -> None:
    template = read(tmp_path, function(""))
    assert template == Template(
        (
            FunctionConfiguration(
                name="Echo",
                runtime="python3.13",
                handler="app.handler",
                memory_mb=128,
                timeout=3,
                code=str(tmp_path / "code"),
            ),
        ),
        (),
    )


def test_every_supported_property_of_a_zip_function(tmp_path: Path) -> None:
    template = read(
        tmp_path,
        """
        AWSTemplateFormatVersion: 2010-09-09
        Description: all of it
        Metadata: {any: [thing]}
        Outputs:
          Url: {Value: !GetAtt Echo.Arn}
        Resources:
          Echo:
            Type: AWS::Serverless::Function
            Properties:
              FunctionName: echo
              Description: says it again
              Tags: {team: me}
              CodeUri: ./code/
              Handler: app.handler
              Runtime: python3.13
              MemorySize: 256
              Timeout: 10
              PackageType: Zip
              ReservedConcurrentExecutions: 0
              Architectures: [arm64]
              EphemeralStorage: {Size: 2048}
              LoggingConfig:
                LogFormat: JSON
                ApplicationLogLevel: DEBUG
                SystemLogLevel: WARN
                LogGroup: /mine
              AutoPublishAlias: live
              ProvisionedConcurrencyConfig: {ProvisionedConcurrentExecutions: 2}
              FunctionUrlConfig:
                AuthType: NONE
                InvokeMode: RESPONSE_STREAM
                Cors:
                  AllowCredentials: true
                  AllowHeaders: [x-a, x-b]
                  AllowMethods: [GET]
                  AllowOrigins: ["*"]
                  ExposeHeaders: [x-c]
                  MaxAge: 60
              Layers: [!Ref Shared, {Ref: More}]
              Environment:
                Variables: {LEVEL: debug}
              Events:
                Post:
                  Type: HttpApi
                  Properties: {Path: "/echo/{id}", Method: post}
                Any:
                  Type: HttpApi
                  Properties: {Path: "/echo", Method: ANY}
                Rest:
                  Type: HttpApi
          Shared:
            Type: AWS::Serverless::LayerVersion
            Properties:
              ContentUri: layer
              LayerName: shared
              Description: used by both
              CompatibleRuntimes: [python3.13]
              RetentionPolicy: Delete
          More:
            Type: AWS::Serverless::LayerVersion
            Properties: {ContentUri: other}
        """,
    )
    assert template.functions == (
        FunctionConfiguration(
            name="echo",
            runtime="python3.13",
            handler="app.handler",
            memory_mb=256,
            timeout=10,
            environment={"LEVEL": "debug"},
            code=str(tmp_path / "code"),
            layers=(str(tmp_path / "layer"), str(tmp_path / "other")),
            reserved_concurrency=0,
            provisioned_concurrency=2,
            architecture=Architecture.ARM64,
            ephemeral_storage_mb=2048,
            logging=LogConfiguration(
                LogFormat.JSON, ApplicationLogLevel.DEBUG, SystemLogLevel.WARN, "/mine"
            ),
            function_url=FunctionUrl(
                UrlAuth.NONE,
                InvokeMode.RESPONSE_STREAM,
                Cors(
                    allow_credentials=True,
                    allow_headers=("x-a", "x-b"),
                    allow_methods=("GET",),
                    allow_origins=("*",),
                    expose_headers=("x-c",),
                    max_age=60,
                ),
            ),
        ),
    )
    assert template.routes == (
        Route("POST", "/echo/{id}", "echo"),
        Route("ANY", "/echo", "echo"),
        Route("ANY", "$default", "echo"),
    )


def test_an_image_is_built_from_its_metadata(tmp_path: Path) -> None:
    template = read(
        tmp_path,
        """
        Resources:
          Model:
            Type: AWS::Serverless::Function
            Properties:
              PackageType: Image
              ImageUri: left.aside/by:build
              ImageConfig:
                Command: [app.handler, "--fast"]
                EntryPoint: [/lambda-entrypoint.sh]
                WorkingDirectory: /srv
            Metadata: {Dockerfile: Other, DockerContext: ./image, DockerTag: v1}
        """,
    )
    assert template.functions == (
        FunctionConfiguration(
            name="Model",
            package_type=PackageType.IMAGE,
            image=ImageSource(str(tmp_path / "image" / "Other"), str(tmp_path / "image")),
            image_command=("app.handler", "--fast"),
            image_entry_point=("/lambda-entrypoint.sh",),
            image_working_directory="/srv",
        ),
    )


def test_a_dockerfile_is_called_dockerfile_unless_said_otherwise(tmp_path: Path) -> None:
    template = read(
        tmp_path,
        """
        Resources:
          Model:
            Type: AWS::Serverless::Function
            Properties: {PackageType: Image}
            Metadata: {DockerContext: image}
        """,
    )
    image = tmp_path / "image"
    assert template.functions[0].image == ImageSource(str(image / "Dockerfile"), str(image))


def test_an_image_may_be_there_already(tmp_path: Path) -> None:
    template = read(
        tmp_path,
        """
        Resources:
          Model:
            Type: AWS::Serverless::Function
            Properties: {PackageType: Image, ImageUri: "model:v1"}
        """,
    )
    assert template.functions[0].image_uri == "model:v1"
    assert template.functions[0].image is None


def test_globals_give_way_to_values_and_merge_with_mappings_and_lists(tmp_path: Path) -> None:
    template = read(
        tmp_path,
        """
        Globals:
          Function:
            Runtime: python3.11
            CodeUri: code
            Timeout: 30
            Layers: [!Ref Shared]
            Environment:
              Variables: {A: all, B: all}
        Resources:
          Shared: {Type: "AWS::Serverless::LayerVersion", Properties: {ContentUri: layer}}
          More: {Type: "AWS::Serverless::LayerVersion", Properties: {ContentUri: other}}
          One:
            Type: AWS::Serverless::Function
            Properties:
              Handler: app.one
              Timeout: 5
              Layers: [!Ref More]
              Environment:
                Variables: {B: own, C: own}
          Two:
            Type: AWS::Serverless::Function
            Properties: {Handler: app.two}
        """,
    )
    one, two = template.functions
    assert (one.runtime, one.timeout, one.code) == ("python3.11", 5, str(tmp_path / "code"))
    assert one.environment == {"A": "all", "B": "own", "C": "own"}
    assert one.layers == (str(tmp_path / "layer"), str(tmp_path / "other"))
    assert (two.timeout, two.environment) == (30, {"A": "all", "B": "all"})
    assert two.layers == (str(tmp_path / "layer"),)


def test_environment_values_become_the_strings_that_cloudformation_makes(tmp_path: Path) -> None:
    variables = """
        Environment:
          Variables:
            FLAG: true
            OFF1: off
            COUNT: 12
            OCTAL: 010
            HEX: 0x1F
            RATIO: 1.10
            DAY: 2020-01-31
            QUOTED: "010"
            EMPTY: ""
            TEXT: plain text
        """
    assert read(tmp_path, function(variables)).functions[0].environment == {
        "FLAG": "true",
        "OFF1": "false",
        "COUNT": "12",
        "OCTAL": "8",
        "HEX": "31",
        "RATIO": "1.1",
        "DAY": "2020-01-31",
        "QUOTED": "010",
        "EMPTY": "",
        "TEXT": "plain text",
    }


def test_parameters_stand_for_their_defaults(tmp_path: Path) -> None:
    template = read(
        tmp_path,
        """\
Parameters:
  Memory: {Type: Number, Default: 1024, Description: MB}
  Seconds: {Type: String, Default: "7"}
  Stage: {Type: String, Default: dev}
"""
        + function(
            """
            FunctionName: !Sub echo-${Stage}
            MemorySize: !Ref Memory
            Timeout: {Ref: Seconds}
            Environment:
              Variables:
                STAGE: !Ref Stage
                ALL: !Sub "${Stage}:${Memory} ${!Literal} $x"
                LONG: {"Fn::Sub": "${Stage}"}
            """
        ),
    )
    configuration = template.functions[0]
    assert configuration.name == "echo-dev"
    assert (configuration.memory_mb, configuration.timeout) == (1024, 7)
    assert configuration.environment == {
        "STAGE": "dev",
        "ALL": "dev:1024 ${Literal} $x",
        "LONG": "dev",
    }


def test_every_fault_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    assert faults(
        tmp_path,
        """
        Mappings: {}  #!
        Globals:
          Function:
            Tracing: Active  #!
          Api: {}  #!
        Resources:
          Table:
            Type: AWS::DynamoDB::Table  #!
          Nothing:  #!
            Properties: {}
          Echo:
            Type: AWS::Serverless::Function
            DependsOn: Table  #!
            Properties:
              CodeUri: nowhere  #!
              Handler:  #!
              Runtime: 3.13  #!
              MemorySize: lots  #!
              Timeout: 0  #!
              Enviroment: {}  #!
              Policies: []  #!
              Layers:
                - arn:aws:lambda:layer  #!
                - !Ref Table  #!
        """,
    ) == [
        "the template: 'Mappings' is not supported",
        "Globals: Function: 'Tracing' is not supported",
        "Globals: 'Api' is not supported",
        TABLE,
        "Nothing needs Type",
        "Echo: 'DependsOn' is not supported",
        f"Echo: CodeUri: there is no folder {tmp_path / 'nowhere'}",
        "Echo: Handler must be text, not empty",
        "Echo: Runtime must be text, not '3.13'",
        "Echo: MemorySize must be a whole number, not 'lots'",
        "Echo: Timeout must be 1 or more, not 0",
        "Echo: 'Enviroment' is not supported; did you mean 'Environment'?",
        "Echo: 'Policies' is not supported",
        "Echo: Layers must be !Ref to layers of this template",
        "Echo: Layers must be !Ref to layers of this template",
    ]


def test_a_fault_of_globals_is_told_once(tmp_path: Path) -> None:
    assert faults(
        tmp_path,
        """
        Globals:
          Function:
            CodeUri: gone  #!
            Runtime: python3.13
            Handler: app.handler
            Timeout: soon  #!
            Environment:
              Variables: {A: null}  #!
        Resources:
          One: {Type: "AWS::Serverless::Function", Properties: {Timeout: 3}}
          Two: {Type: "AWS::Serverless::Function"}
          Three: {Type: "AWS::Serverless::Function"}
        """,
    ) == [
        f"Globals: CodeUri: there is no folder {tmp_path / 'gone'}",
        "Globals: Timeout must be a whole number, not 'soon'",
        'Globals: Environment: A is null; an empty text is ""',
    ]


def test_wrong_kinds_of_values(tmp_path: Path) -> None:
    assert faults(
        tmp_path,
        function(
            """
            FunctionName: [a]  #!
            Timeout: 2.5  #!
            MemorySize: true  #!
            ReservedConcurrentExecutions: -1  #!
            Layers: one  #!
            Architectures:
              x86_64: yes  #!
            Environment:
              Variables:
                - A  #!
            Events: GET /  #!
            """
        ),
    ) == [
        "Echo: FunctionName must be a single value, not a list",
        "Echo: Timeout must be a whole number, not '2.5'",
        "Echo: MemorySize must be a whole number, not 'true'",
        "Echo: ReservedConcurrentExecutions must be 0 or more, not -1",
        "Echo: Layers must be a list, not 'one'",
        "Echo: Architectures must be a list, not a mapping",
        "Echo: Environment must be a mapping, not a list",
        "Echo: Events must be a mapping, not 'GET /'",
    ]


def test_intrinsic_functions_other_than_parameters_are_refused(tmp_path: Path) -> None:
    assert faults(
        tmp_path,
        "Parameters:\n  Stage: {Type: String, Default: dev}\n"
        + function(
            """
            Description: !GetAtt is.not.read
            Timeout: !Ref Stage  #!
            MemorySize: !FindInMap [a, b, c]  #!
            Tags: !Ref Whatever
            Environment:
              Variables:
                A: !GetAtt Table.Arn  #!
                B: !Ref AWS::Region  #!
                C: !Sub "${AWS::Region}"  #!
                D: !Sub ["${a}", {a: b}]  #!
                E:
                  Fn::Join: [",", [a, b]]  #!
                F: null  #!
            Events: !Ref Stage  #!
            """
        ),
    ) == [
        "Echo: Timeout must be a whole number, not 'dev'",
        "Echo: MemorySize: !FindInMap is not supported here, only !Ref and !Sub of parameters",
        "Echo: Environment: A: !GetAtt is not supported here, only !Ref and !Sub of parameters",
        "Echo: Environment: B: 'AWS::Region' is no parameter of this template",
        "Echo: Environment: C: 'AWS::Region' is no parameter of this template",
        "Echo: Environment: D: !Sub is not supported here, only !Ref and !Sub of parameters",
        "Echo: Environment: E: !Join is not supported here, only !Ref and !Sub of parameters",
        'Echo: Environment: F is null; an empty text is ""',
        "Echo: Events must be a mapping, not !Ref",
    ]


def test_wrong_parameters(tmp_path: Path) -> None:
    assert faults(
        tmp_path,
        """\
Parameters:
  Bare: {Type: String}  #!
  Typeless: {Default: 1}  #!
  Other:
    Type: CommaDelimitedList  #!
    Default: a,b
    NoEcho: true  #!
  Void:
    Type: String
    Default:  #!
"""
        + function(""),
    ) == [
        "Bare needs a Default, which is its value here",
        "Typeless needs Type",
        "Other: Type 'CommaDelimitedList' is not supported, only String and Number are",
        "Other: 'NoEcho' is not supported",
        'Void: Default is null; an empty text is ""',
    ]


def test_a_key_that_stands_twice(tmp_path: Path) -> None:
    assert faults(
        tmp_path,
        function(
            """
            Timeout: 3
            Environment:
              Variables:
                A: 1
                A: 2  #!
                NO: 3  #!
            Timeout: 4  #!
            """
        ),
    ) == [
        "Echo: Environment: 'A' stands twice, first in line 12",
        "Echo: Environment: a key must be text, quote it: NO",
        "Echo: 'Timeout' stands twice, first in line 9",
    ]


def test_two_functions_of_one_name(tmp_path: Path) -> None:
    assert (
        faults(
            tmp_path,
            function("FunctionName: Other\n")
            + """\
  Other:  #!
    Type: AWS::Serverless::Function
    Properties: {CodeUri: code, Handler: a.b, Runtime: python3.13}
  Third:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: Other  #!
      CodeUri: code
      Handler: a.b
      Runtime: python3.13
""",
        )
        == ["a second function named 'Other', first in line 9"] * 2
    )


def test_a_package_takes_its_own_properties_only(tmp_path: Path) -> None:
    assert faults(
        tmp_path,
        """
        Globals:
          Function:
            Runtime: python3.13  #!
        Resources:
          Image:
            Type: AWS::Serverless::Function
            Properties:
              PackageType: Image
              ImageUri: a:b
              Handler: app.handler  #!
          Imageless:  #!
            Type: AWS::Serverless::Function
            Properties:
              PackageType: Image
          Zip:  #!
            Type: AWS::Serverless::Function
            Properties:
              ImageUri: a:b  #!
              Handler: app.handler
            Metadata: {BuildMethod: makefile}  #!
          Neither:
            Type: AWS::Serverless::Function
            Properties:
              PackageType: Tar  #!
              CodeUri: code
              Handler: app.handler
        """,
    ) == [
        "Globals: Runtime does not go with PackageType Image",
        "Image: Handler does not go with PackageType Image",
        "Imageless needs ImageUri, or Metadata with a DockerContext",
        "Zip needs CodeUri",
        "Zip: ImageUri does not go with PackageType Zip",
        "Zip: Metadata is supported for PackageType Image only",
        "Neither: PackageType 'Tar' is not supported, only Zip and Image are",
    ]


def test_a_missing_dockerfile_or_context(tmp_path: Path) -> None:
    assert faults(
        tmp_path,
        """
        Resources:
          A:
            Type: AWS::Serverless::Function
            Properties: {PackageType: Image}
            Metadata:
              DockerContext: image
              Dockerfile: Gone  #!
          B:
            Type: AWS::Serverless::Function
            Properties: {PackageType: Image}
            Metadata:
              DockerContext: gone  #!
          C:
            Type: AWS::Serverless::Function
            Properties: {PackageType: Image}
            Metadata:  #!
              Dockerfile: Dockerfile
              DockerBuildArgs: {A: b}  #!
        """,
    ) == [
        f"A: there is no file {tmp_path / 'image' / 'Gone'}",
        f"B: DockerContext: there is no folder {tmp_path / 'gone'}",
        "C: Metadata needs DockerContext",
        "C: Metadata: 'DockerBuildArgs' is not supported",
    ]


def test_another_machines_architecture_is_billed_and_remarked_on(tmp_path: Path) -> None:
    template = read(tmp_path, function("Architectures: [arm64]"))
    assert template.functions[0].architecture is Architecture.ARM64
    assert template.remarks == ("Echo is billed as arm64, and runs on this machine's x86_64.",)
    assert load(tmp_path / "template.yaml", machine="aarch64").remarks == ()


def test_a_function_has_one_architecture(tmp_path: Path) -> None:
    assert faults(tmp_path, function("Architectures: [x86_64, arm64]  #!")) == [
        "Echo: Architectures: a function has one architecture"
    ]
    assert faults(tmp_path, function("Architectures: [i386]  #!")) == [
        "Echo: Architectures: 'i386' is none of x86_64, arm64"
    ]


def test_globals_options_merge_key_by_key(tmp_path: Path) -> None:
    template = read(
        tmp_path,
        """
        Globals:
          Function:
            CodeUri: code
            Runtime: python3.13
            Handler: app.handler
            Architectures: [x86_64]
            EphemeralStorage: {Size: 1024}
            ReservedConcurrentExecutions: 10
            AutoPublishAlias: live
            ProvisionedConcurrencyConfig: {ProvisionedConcurrentExecutions: 1}
            LoggingConfig: {LogFormat: JSON, LogGroup: /all}
            FunctionUrlConfig:
              AuthType: AWS_IAM
              Cors: {AllowMethods: [GET], MaxAge: 5, AllowCredentials: true}
        Resources:
          One:
            Type: AWS::Serverless::Function
            Properties:
              EphemeralStorage: {Size: 2048}
              ProvisionedConcurrencyConfig: {ProvisionedConcurrentExecutions: 3}
              LoggingConfig: {LogGroup: /one, ApplicationLogLevel: ERROR}
              FunctionUrlConfig:
                AuthType: NONE
                Cors: {AllowMethods: [POST], AllowCredentials: false}
          Two: {Type: "AWS::Serverless::Function"}
        """,
    )
    one, two = template.functions
    assert (one.ephemeral_storage_mb, one.provisioned_concurrency) == (2048, 3)
    assert one.logging == LogConfiguration(LogFormat.JSON, ApplicationLogLevel.ERROR, group="/one")
    cors = Cors(allow_credentials=False, allow_methods=("GET", "POST"), max_age=5)
    assert one.function_url == FunctionUrl(UrlAuth.NONE, cors=cors)
    assert (two.ephemeral_storage_mb, two.provisioned_concurrency) == (1024, 1)
    assert two.logging == LogConfiguration(LogFormat.JSON, group="/all")
    cors = Cors(allow_credentials=True, allow_methods=("GET",), max_age=5)
    assert two.function_url == FunctionUrl(UrlAuth.AWS_IAM, cors=cors)


def test_wrong_options(tmp_path: Path) -> None:
    assert faults(
        tmp_path,
        function(
            """
            EphemeralStorage:
              Size: much  #!
            LoggingConfig:
              LogFormat: Yaml  #!
              ApplicationLogLevel: LOUD  #!
              Group: /x  #!
            AutoPublishAlias: [live]  #!
            ProvisionedConcurrencyConfig:
              ProvisionedConcurrentExecutions: 0  #!
            FunctionUrlConfig:
              AuthType: ME  #!
              InvokeMode: FAST  #!
              Cors:
                AllowCredentials: maybe  #!
                AllowMethods: GET  #!
                MaxAge: -1  #!
                Origins: []  #!
            """
        ),
    ) == [
        "Echo: EphemeralStorage: Size must be a whole number, not 'much'",
        "Echo: LoggingConfig: LogFormat: 'Yaml' is none of Text, JSON",
        (
            "Echo: LoggingConfig: ApplicationLogLevel: 'LOUD' is none of "
            "TRACE, DEBUG, INFO, WARN, ERROR, FATAL"
        ),
        "Echo: LoggingConfig: 'Group' is not supported",
        "Echo: AutoPublishAlias must be a single value, not a list",
        (
            "Echo: ProvisionedConcurrencyConfig: ProvisionedConcurrentExecutions must be 1 or "
            "more, not 0"
        ),
        "Echo: FunctionUrlConfig: AuthType: 'ME' is none of NONE, AWS_IAM",
        "Echo: FunctionUrlConfig: InvokeMode: 'FAST' is none of BUFFERED, RESPONSE_STREAM",
        "Echo: FunctionUrlConfig: Cors: AllowCredentials must be true or false, not 'maybe'",
        "Echo: FunctionUrlConfig: Cors: AllowMethods must be a list, not 'GET'",
        "Echo: FunctionUrlConfig: Cors: MaxAge must be 0 or more, not -1",
        "Echo: FunctionUrlConfig: Cors: 'Origins' is not supported",
    ]


def test_options_without_what_they_need(tmp_path: Path) -> None:
    assert faults(
        tmp_path,
        function(
            """
            EphemeralStorage: {}  #!
            ProvisionedConcurrencyConfig: {}  #!
            FunctionUrlConfig: {}  #!
            """
        ),
    ) == [
        "Echo: EphemeralStorage needs Size",
        "Echo: ProvisionedConcurrencyConfig needs AutoPublishAlias on the function",
        "Echo: ProvisionedConcurrencyConfig needs ProvisionedConcurrentExecutions",
        "Echo: FunctionUrlConfig needs AuthType",
    ]


def test_a_fault_of_globals_options_is_told_once(tmp_path: Path) -> None:
    assert faults(
        tmp_path,
        """
        Globals:
          Function:
            CodeUri: code
            Runtime: python3.13
            Handler: app.handler
            EphemeralStorage: {Sizes: 1}  #!
            ImageConfig: {Command: [a]}  #!
        Resources:
          One: {Type: "AWS::Serverless::Function"}
          Two: {Type: "AWS::Serverless::Function"}
        """,
    ) == [
        "Globals: EphemeralStorage: 'Sizes' is not supported; did you mean 'Size'?",
        "Globals: EphemeralStorage needs Size",
        "Globals: Function: 'ImageConfig' is not supported",
    ]


def test_wrong_routes(tmp_path: Path) -> None:
    assert faults(
        tmp_path,
        function(
            """
            Events:
              Timer:
                Type: Schedule  #!
              Typeless:  #!
                Properties: {Path: /, Method: GET}
              Ok:
                Type: HttpApi
                Properties: {Path: "/a/{id}", Method: GET}
              Same:
                Type: HttpApi
                Properties: {Path: "/a/{key}", Method: get}  #!
              Methodless:  #!
                Type: HttpApi
                Properties: {Path: /b}
              Pathless:  #!
                Type: HttpApi
                Properties: {Method: GET}
              Fetch:
                Type: HttpApi
                Properties: {Path: /c, Method: FETCH}  #!
              Relative:
                Type: HttpApi
                Properties:
                  Method: GET
                  Path: d  #!
              Default: {Type: HttpApi}
              Again: {Type: HttpApi}  #!
              More:
                Type: HttpApi
                Properties:
                  Path: /e
                  Method: GET
                  ApiId: x  #!
            """
        ),
    ) == [
        "Echo: event Timer: Type 'Schedule' is not supported, only HttpApi is",
        "Echo: event Typeless needs Type",
        "Echo: event Same: GET /a/{key} is taken by the route in line 16",
        "Echo: event Methodless needs Method too",
        "Echo: event Pathless needs Path too",
        FETCH,
        "Echo: event Relative: the path 'd' must begin with '/'",
        "Echo: event Again: $default is taken by the route in line 34",
        "Echo: event More: 'ApiId' is not supported",
    ]


def test_wrong_layers(tmp_path: Path) -> None:
    assert faults(
        tmp_path,
        """
        Resources:
          A:
            Type: AWS::Serverless::LayerVersion
            Metadata: {BuildMethod: python3.13}  #!
            Properties: {ContentUri: layer}
          B:  #!
            Type: AWS::Serverless::LayerVersion
          C:
            Type: AWS::Serverless::LayerVersion
            Properties: {ContentUri: gone}  #!
        """,
    ) == [
        "A: Metadata of a layer is not supported",
        "B needs ContentUri",
        f"C: ContentUri: there is no folder {tmp_path / 'gone'}",
    ]


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


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=r"gone.yaml: cannot be read: No such file"):
        load(tmp_path / "gone.yaml")
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"a: b\nc: \xe9\n")
    with pytest.raises(TemplateError, match=r"latin.yaml:2: no YAML: it is not UTF-8"):
        load(path)


def test_a_profile_adds_what_create_function_would_refuse(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + function("MemorySize: 1000\nTimeout: 600\n"))
    assert load(path, AWS_2025).functions[0].memory_mb == 1000
    with pytest.raises(TemplateError) as raised:
        load(path, AWS_2018)
    assert str(raised.value) == (
        f"{path}:3: Echo: 'MemorySize' value must be a multiple of 64 MB under aws-2018: 1000\n"
        f"{path}:3: Echo: 1 validation error detected: Value '600' at 'timeout' failed to satisfy "
        "constraint: Member must have value less than or equal to 300"
    )


def test_a_profile_refuses_more_concurrency_than_the_account_has(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + function("ReservedConcurrentExecutions: 901\n"))
    assert load(path).functions[0].reserved_concurrency == 901
    with pytest.raises(TemplateError) as raised:
        load(path, AWS_2025)
    assert str(raised.value) == (
        f"{path}:3: Echo: Specified ReservedConcurrentExecutions for function decreases account's "
        "UnreservedConcurrentExecution below its minimum value of [100]."
    )


def test_the_repositorys_own_template_can_be_read() -> None:
    path = Path(__file__).parents[2] / "functions" / "template.yaml"
    template = load(path, AWS_2025)
    names = [configuration.name for configuration in template.functions]
    assert sorted(names) == ["echo", "kdd99-litert", "kdd99-numpy", "kdd99-tf"]
    assert Route("POST", "/predict", "kdd99-tf") in template.routes
