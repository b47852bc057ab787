// Answers with its event and what it was told of it, or misbehaves as it is asked to.

import { setTimeout } from "node:timers/promises";

class NoLuckError extends Error {
  name = "NoLuckError";
}

export async function handler(event, context) {
  switch (event.do) {
    case "fail":
      throw new NoLuckError("no luck");
    case "sleep":
      await setTimeout(60_000);
      break;
    case "exit":
      process.exit(3);
  }
  return {
    event,
    request_id: context.awsRequestId,
    function: context.functionName,
    version: context.functionVersion,
    memory_mb: Number(context.memoryLimitInMB),
    arn: context.invokedFunctionArn,
    remaining_ms: context.getRemainingTimeInMillis(),
    trace_id: process.env._X_AMZN_TRACE_ID ?? "",
    custom: context.clientContext?.custom ?? null,
  };
}
