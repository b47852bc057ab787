#!/usr/bin/env bash
# Powertools for AWS Lambda (Python): structured logs, metrics in the log, idempotency, batches.
cd "$(dirname "$0")" || exit
. ./transcript.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp powertools/app.py "$work"
python3 -m pip install --quiet --disable-pip-version-check --target "$work" --no-compile \
    -r powertools/requirements.txt
(cd "$work" && python3 -m zipfile -c /tmp/powertools.zip *)
mv /tmp/powertools.zip "$work"
cd "$work" || exit

make() {
    show aws lambda create-function --function-name "$1" --runtime python3.13 --handler "app.$1" \
        --role arn:aws:iam::123456789012:role/any --zip-file fileb://powertools.zip \
        --timeout 30 --memory-size 512 --query FunctionArn --output text
    aws lambda wait function-active-v2 --function-name "$1"
}
show aws dynamodb create-table --table-name idempotency --billing-mode PAY_PER_REQUEST \
    --attribute-definitions AttributeName=id,AttributeType=S \
    --key-schema AttributeName=id,KeyType=HASH --query TableDescription.TableStatus --output text
make order
show aws lambda invoke --function-name order --payload '{"order": "7"}' --output text out.json
show cat out.json
echo
make pay
for _ in 1 2; do
    show aws lambda invoke --function-name pay --payload '{"order": "7"}' --output text out.json
    show cat out.json
    echo
done
make batch
# for SQS the CLI of version 1 heeds no AWS_ENDPOINT_URL
queue=$(aws --endpoint-url "$AWS_ENDPOINT_URL" sqs create-queue --queue-name orders --query QueueUrl --output text)
show aws lambda create-event-source-mapping --function-name batch --batch-size 10 \
    --event-source-arn arn:aws:sqs:us-east-1:123456789012:orders \
    --function-response-types ReportBatchItemFailures --query '[State,BatchSize]' --output text
show aws --endpoint-url "$AWS_ENDPOINT_URL" sqs send-message --queue-url "$queue" --message-body good --query MD5OfMessageBody \
    --output text
show aws --endpoint-url "$AWS_ENDPOINT_URL" sqs send-message --queue-url "$queue" --message-body bad --query MD5OfMessageBody \
    --output text
sleep 5
show aws --endpoint-url "$AWS_ENDPOINT_URL" sqs get-queue-attributes --queue-url "$queue" --attribute-names All --output text \
    --query 'Attributes.[ApproximateNumberOfMessages,ApproximateNumberOfMessagesNotVisible]'
show aws logs filter-log-events --log-group-name /aws/lambda/batch --filter-pattern taken \
    --query 'events[].message' --output text
show aws logs filter-log-events --log-group-name /aws/lambda/order \
    --filter-pattern '{ $.message = "taken" }' --query 'events[].message' --output text
now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
ago=$(date -u -d '-10 minutes' +%Y-%m-%dT%H:%M:%SZ)
show aws cloudwatch list-metrics --namespace Orders --query 'Metrics[].MetricName' --output text
show aws cloudwatch get-metric-statistics --namespace Orders --metric-name Orders \
    --dimensions Name=service,Value=orders --start-time "$ago" --end-time "$now" --period 600 \
    --statistics Sum --query 'Datapoints[].Sum' --output text
