// A function and its log group by the CDK.
import { App, Stack } from "aws-cdk-lib";
import { Alias, Code, Function, Runtime } from "aws-cdk-lib/aws-lambda";

const app = new App();
const stack = new Stack(app, "HelloCdk", {
  env: { account: "123456789012", region: "us-east-1" },
});
const hello = new Function(stack, "Hello", {
  functionName: "hello-cdk",
  runtime: Runtime.PYTHON_3_13,
  handler: "app.handler",
  code: Code.fromAsset("../hello"),
  memorySize: Number(app.node.tryGetContext("memory") ?? 256),
});
new Alias(stack, "Live", { aliasName: "live", version: hello.currentVersion });
