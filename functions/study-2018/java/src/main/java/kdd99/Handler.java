package kdd99;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.Collections;
import java.util.Map;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/**
 * The KDD99 model as the study of 2018 served it: Java 8, TensorFlow 1.10, a zip in S3 that is read
 * and unpacked for each request. Requests and answers are those of functions/kdd99-java.
 *
 * <p>A map in and an object out, by the runtime's own JSON, and log4j2: what the Serverless
 * Framework's template for Java had in 2018.
 */
public final class Handler implements RequestHandler<Map<String, Object>, Object> {
  static final String NAME = "kdd99-java-2018";
  static final ObjectMapper JSON = new ObjectMapper();
  private static final Logger LOG = LogManager.getLogger(Handler.class);

  private final Source source = Source.of(System.getenv());

  @Override
  public Object handleRequest(Map<String, Object> event, Context context) {
    Object body;
    int status = 200;
    try (Source.Lease lease = source.take()) {
      body = Answer.of(lease.model(), bodyOf(JSON.valueToTree(event)));
    } catch (BadRequest error) {
      status = 400;
      body = Collections.singletonMap("message", error.getMessage());
    } catch (IOException error) {
      throw new IllegalStateException("The model cannot be had: " + error.getMessage(), error);
    }
    LOG.info("{} answered {}", NAME, status);
    return isHttp(event) ? http(status, body) : body;
  }

  /** Through API Gateway, in either of its payload formats. */
  private static boolean isHttp(Map<String, Object> event) {
    return event.containsKey("requestContext");
  }

  private static JsonNode bodyOf(JsonNode event) throws BadRequest {
    if (!event.has("requestContext")) {
      return event;
    }
    JsonNode body = event.path("body");
    if (!body.isTextual() || body.textValue().isEmpty()) {
      throw new BadRequest("The request has no body.");
    }
    try {
      boolean encoded = event.path("isBase64Encoded").asBoolean();
      return encoded ? JSON.readTree(body.binaryValue()) : JSON.readTree(body.textValue());
    } catch (IOException error) {
      throw new BadRequest("The body is not JSON in UTF-8.");
    }
  }

  private static GatewayResponse http(int status, Object body) {
    try {
      return new GatewayResponse(status, JSON.writeValueAsString(body));
    } catch (JsonProcessingException error) {
      throw new IllegalStateException("maps and numbers are JSON", error);
    }
  }
}
