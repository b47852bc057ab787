"""APIs of a template, and the routes that events give them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.apis import HttpApi, RestApi, RestCors
from emulator.core.function_url import Cors
from emulator.core.routes import PayloadFormat, Route, RouteAuth
from tests.sam.templates import faults, function, read

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = """
Events:
  Plain: {Type: Api, Properties: {Path: /plain, Method: get}}
  Proxy: {Type: Api, Properties: {Path: "/all/{proxy+}", Method: any, RestApiId: !Ref Old}}
  Free:
    Type: Api
    Properties: {Path: /free, Method: GET, RestApiId: !Ref Old, Auth: {Authorizer: NONE}}
  New: {Type: HttpApi, Properties: {Path: /new, Method: GET, ApiId: !Ref Web}}
  First:
    Type: HttpApi
    Properties:
      Path: /first
      Method: GET
      PayloadFormatVersion: "1.0"
      Auth: {Authorizer: AWS_IAM}
"""
APIS = """\
  Old:
    Type: AWS::Serverless::Api
    Properties:
      StageName: v1
      Variables: {table: t}
      BinaryMediaTypes: [image~1png, "*~1*"]
      Cors:
        AllowOrigin: "'https://a.example'"
        AllowMethods: "'GET,POST'"
        AllowHeaders: "'x-a'"
        MaxAge: "'60'"
        AllowCredentials: true
      Auth: {DefaultAuthorizer: AWS_IAM}
      EndpointConfiguration: REGIONAL
  Web:
    Type: AWS::Serverless::HttpApi
    Properties:
      StageName: live
      StageVariables: {table: u}
      CorsConfiguration: {AllowOrigins: ["*"], AllowMethods: [GET], MaxAge: 5}
"""


def test_events_give_routes_to_the_apis_that_they_name(tmp_path: Path) -> None:
    assert read(tmp_path, function(EVENTS) + APIS).apis == (
        RestApi(
            "old",
            (
                Route("ANY", "/all/{proxy+}", "Echo", RouteAuth.AWS_IAM),
                Route("GET", "/free", "Echo"),
            ),
            "v1",
            {"table": "t"},
            ("image/png", "*/*"),
            RestCors("https://a.example", "GET,POST", "x-a", "60", allow_credentials=True),
        ),
        HttpApi(
            "web",
            (Route("GET", "/new", "Echo"),),
            "live",
            {"table": "u"},
            Cors(allow_origins=("*",), allow_methods=("GET",), max_age=5),
        ),
        RestApi("serverlessrestapi", (Route("GET", "/plain", "Echo"),)),
        HttpApi(
            "serverlesshttpapi",
            (Route("GET", "/first", "Echo", RouteAuth.AWS_IAM, PayloadFormat.V1),),
        ),
    )


def test_globals_are_for_every_api_and_the_apis_own_go_first(tmp_path: Path) -> None:
    shared = """\
Globals:
  Api: {Cors: "'*'", BinaryMediaTypes: [a/b], Variables: {x: 1, y: 1}}
  HttpApi: {CorsConfiguration: true}
"""
    events = """
Events:
  A: {Type: Api, Properties: {Path: /a, Method: get, RestApiId: !Ref Own}}
  B: {Type: HttpApi}
"""
    own = """\
  Own:
    Type: AWS::Serverless::Api
    Properties: {StageName: s, BinaryMediaTypes: [c/d], Variables: {y: 2}}
"""
    rest, web = read(tmp_path, shared + function(events) + own).apis
    assert isinstance(rest, RestApi)
    assert (rest.cors, rest.binary_media_types) == (RestCors("*"), ("a/b", "c/d"))
    assert rest.variables == {"x": "1", "y": "2"}
    assert isinstance(web, HttpApi)
    assert web.cors == Cors(allow_headers=("*",), allow_methods=("*",), allow_origins=("*",))


def test_wrong_apis_and_routes(tmp_path: Path) -> None:
    assert faults(
        tmp_path,
        function(
            """
            Events:
              A: {Type: Api}  #!
              B:
                Type: Api
                Properties:
                  Path: /b
                  Method: GET
                  RestApiId: !Ref Web  #!
              C:
                Type: HttpApi
                Properties:
                  Path: /c
                  Method: GET
                  PayloadFormatVersion: "3.0"  #!
                  Auth:
                    Authorizer: Mine  #!
            """
        )
        + """\
  Web:
    Type: AWS::Serverless::HttpApi
    Properties:
      DefinitionBody: {}  #!
      Auth:
        DefaultAuthorizer: Jwt  #!
        Authorizers: {}  #!
  Rest:  #!
    Type: AWS::Serverless::Api
""",
    ) == [
        "Echo: event A needs Path too",
        "Echo: event B: RestApiId must be !Ref to an AWS::Serverless::Api of this template",
        "Echo: event C: PayloadFormatVersion '3.0' is none of 1.0, 2.0",
        "Echo: event C: Auth: Authorizer 'Mine' is not supported, only AWS_IAM and NONE are",
        "Web: 'DefinitionBody' is not supported",
        "Web: Auth: DefaultAuthorizer 'Jwt' is not supported, only AWS_IAM is",
        "Web: Auth: 'Authorizers' is not supported",
        "Rest needs StageName",
    ]
