package testbed;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.HashMap;
import java.util.Map;

/** Answers with its event and what it was told of it, or misbehaves as it is asked to. */
public class Function implements RequestHandler<Map<String, Object>, Map<String, Object>> {

  public static class NoLuckError extends RuntimeException {
    NoLuckError() {
      super("no luck");
    }
  }

  @Override
  public Map<String, Object> handleRequest(Map<String, Object> event, Context context) {
    switch (String.valueOf(event.get("do"))) {
      case "fail":
        throw new NoLuckError();
      case "sleep":
        sleep(60_000);
        break;
      case "exit":
        Runtime.getRuntime().halt(3);
        break;
      default:
        break;
    }
    var client = context.getClientContext();
    Map<String, Object> answer = new HashMap<>(); // Map.of takes no null
    answer.put("event", event);
    answer.put("request_id", context.getAwsRequestId());
    answer.put("function", context.getFunctionName());
    answer.put("version", context.getFunctionVersion());
    answer.put("memory_mb", context.getMemoryLimitInMB());
    answer.put("arn", context.getInvokedFunctionArn());
    answer.put("remaining_ms", context.getRemainingTimeInMillis());
    answer.put("trace_id", context.getXrayTraceId());
    answer.put("custom", client == null ? null : client.getCustom());
    return answer;
  }

  private static void sleep(long milliseconds) {
    try {
      Thread.sleep(milliseconds);
    } catch (InterruptedException error) {
      throw new IllegalStateException(error);
    }
  }
}
