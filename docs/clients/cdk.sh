#!/usr/bin/env bash
# The CDK: bootstrap and deploy, through CloudFormation. Needs `npm install` in the folder cdk.
cd "$(dirname "$0")/cdk" || exit
. ../transcript.sh
export CDK_DISABLE_LEGACY_EXPORT_WARNING=1

show npx cdk --version
show npx cdk bootstrap --no-color aws://123456789012/us-east-1 | tail -20
show npx cdk deploy --no-color --require-approval never | tail -20
show aws lambda invoke --function-name hello-cdk --payload '{"a": 1}' --output text out.json
rm -rf out.json cdk.out
