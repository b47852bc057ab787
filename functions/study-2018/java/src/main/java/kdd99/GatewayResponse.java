package kdd99;

import java.util.Collections;
import java.util.Map;

/** What API Gateway makes an HTTP response of. */
public final class GatewayResponse {
  private final int statusCode;
  private final String body;

  GatewayResponse(int statusCode, String body) {
    this.statusCode = statusCode;
    this.body = body;
  }

  public int getStatusCode() {
    return statusCode;
  }

  public Map<String, String> getHeaders() {
    return Collections.singletonMap("content-type", "application/json");
  }

  public String getBody() {
    return body;
  }
}
