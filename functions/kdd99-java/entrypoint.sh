#!/bin/sh
# Starts the runtime client with the flags that AWS's own Java runtime was seen to give: of the
# memory size, 85 % for the heap, 10 % for classes and 5 % for compiled code, and one collector
# thread; and since Java 17 only the quick compiler.
memory_kb=$((${AWS_LAMBDA_FUNCTION_MEMORY_SIZE:-512} * 1024))
exec java \
  -XX:MaxHeapSize=$((memory_kb * 85 / 100))k \
  -XX:MaxMetaspaceSize=$((memory_kb * 10 / 100))k \
  -XX:ReservedCodeCacheSize=$((memory_kb * 5 / 100))k \
  -XX:+UseSerialGC \
  -XX:+TieredCompilation -XX:TieredStopAtLevel=1 \
  -Djava.net.preferIPv4Stack=true \
  -Djava.library.path="$LAMBDA_TASK_ROOT/native" \
  -cp "$LAMBDA_TASK_ROOT/lib/*" \
  com.amazonaws.services.lambda.runtime.api.client.AWSLambda "$@"
