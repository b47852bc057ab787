"""One function of a template: its package, its environment and its routes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.function_configuration import FunctionConfiguration, ImageSource, PackageType
from emulator.core.function_url import Cors, FunctionUrl, InvokeMode, UrlAuth
from emulator.core.log_configuration import (
    ApplicationLogLevel,
    LogConfiguration,
    LogFormat,
    SystemLogLevel,
)
from emulator.core.prices import Architecture
from emulator.core.routes import Route
from emulator.sam.template import Template
from tests.sam.templates import FETCH, faults, function, read

if TYPE_CHECKING:
    from pathlib import Path


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
        "Zip: Metadata asks for a build; `sam build` writes a template with what it built",
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


def test_each_wrong_route_is_told_with_its_line(tmp_path: Path) -> None:
    assert faults(
        tmp_path,
        function(
            """
            Events:
              Timer:
                Type: MSK  #!
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
        (
            "Echo: event Timer: Type 'MSK' is not supported, only HttpApi, Api, SQS, Kinesis, "
            "DynamoDB, S3, SNS, Schedule, ScheduleV2, EventBridgeRule and CloudWatchEvent are"
        ),
        "Echo: event Typeless needs Type",
        "Echo: event Same: GET /a/{key} is taken by the route in line 16",
        "Echo: event Methodless needs Method too",
        "Echo: event Pathless needs Path too",
        FETCH,
        "Echo: event Relative: the path 'd' must begin with '/'",
        "Echo: event Again: $default is taken by the route in line 34",
        "Echo: event More: ApiId must be !Ref to an AWS::Serverless::HttpApi of this template",
    ]


def test_each_wrong_layer_is_told_with_its_line(tmp_path: Path) -> None:
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
