package kdd99;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/**
 * The KDD99 model as the study of 2018 served it: Java 8, TensorFlow 1.10, a zip in S3 that is read
 * and unpacked for each request. Requests and answers are those of functions/kdd99-java.
 */
public final class Handler implements RequestStreamHandler {
  static final String NAME = "kdd99-java-2018";
  static final ObjectMapper JSON = new ObjectMapper();
  private static final Logger LOG = LogManager.getLogger(Handler.class);

  private final Source source = Source.of(System.getenv());

  @Override
  public void handleRequest(InputStream event, OutputStream answer, Context context)
      throws IOException {
    JSON.writeValue(answer, answerTo(JSON.readTree(event)));
  }

  JsonNode answerTo(JsonNode event) throws IOException {
    ObjectNode body;
    int status = 200;
    try (Source.Lease lease = source.take()) {
      body = Answer.of(lease.model(), bodyOf(event));
    } catch (BadRequest error) {
      status = 400;
      body = JSON.createObjectNode().put("message", error.getMessage());
    }
    LOG.info("{} answered {}", NAME, status);
    return isHttp(event) ? http(status, body) : body;
  }

  /** Through API Gateway, in either of its payload formats. */
  private static boolean isHttp(JsonNode event) {
    return event.has("requestContext");
  }

  private static JsonNode bodyOf(JsonNode event) throws BadRequest {
    if (!isHttp(event)) {
      return event;
    }
    if (!event.path("body").isTextual() || event.get("body").textValue().isEmpty()) {
      throw new BadRequest("The request has no body.");
    }
    try {
      JsonNode body = event.get("body");
      boolean encoded = event.path("isBase64Encoded").asBoolean();
      return encoded ? JSON.readTree(body.binaryValue()) : JSON.readTree(body.textValue());
    } catch (JsonProcessingException error) {
      throw new BadRequest("The body is not JSON in UTF-8.");
    } catch (IOException error) {
      throw new BadRequest("The body cannot be decoded.");
    }
  }

  private static JsonNode http(int status, JsonNode body) throws JsonProcessingException {
    ObjectNode response = JSON.createObjectNode().put("statusCode", status);
    response.putObject("headers").put("content-type", "application/json");
    return response.put("body", JSON.writeValueAsString(body));
  }
}
