#!/usr/bin/env bash
# The Serverless Framework, version 3: deploy, invoke, remove. Needs `npm install` in its folder.
cd "$(dirname "$0")/serverless" || exit
. ../transcript.sh
trap 'rm -rf out.json .serverless' EXIT
export SLS_TELEMETRY_DISABLED=1 SLS_NOTIFICATIONS_MODE=off

show npx serverless --version
show npx serverless deploy
show curl -s "$AWS_ENDPOINT_URL/hello" | cut -c -120
show npx serverless invoke --function hello --data '{"a": 1}'
show npx serverless remove
show aws lambda list-functions --query 'Functions[].FunctionName' --output text
