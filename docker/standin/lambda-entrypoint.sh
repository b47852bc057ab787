#!/bin/sh
# The contract of AWS's entry point. Every fork here would be paid in each cold start.
if [ $# -ne 1 ]; then
  echo 'entrypoint requires the handler name to be the first argument' >&2
  exit 142
fi
if [ -z "$AWS_LAMBDA_RUNTIME_API" ]; then
  echo 'AWS_LAMBDA_RUNTIME_API is not set, and this stand-in image brings no runtime interface emulator' >&2
  exit 143
fi
export _HANDLER="$1"
exec /var/runtime/bootstrap
