package kdd99;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What the caller sent: `{"records": [[duration, src_bytes, dst_bytes], ...]}` in seconds, bytes
 * and bytes; a record may be an object with those keys as well.
 */
final class Request {
  /** The twin's limit: the answer must fit into the 6,291,556 bytes that Lambda returns. */
  static final int MOST_ROWS = 149_000;

  private static final BigInteger GREATEST = new BigDecimal(Double.MAX_VALUE).toBigIntegerExact();
  private static final String NOT_UTF8 = "The body is not JSON in UTF-8.";

  private Request() {}

  /** Payload format 2.0, which puts the HTTP method and path into requestContext. */
  static boolean isHttp(Object event) {
    return event instanceof Map<?, ?> fields
        && "2.0".equals(fields.get("version"))
        && fields.get("requestContext") instanceof Map<?, ?> context
        && context.containsKey("http");
  }

  /** The checked records, each finite and not negative, of an event of either form. */
  static double[][] records(Object event, List<String> fields) throws BadRequest {
    Object request = isHttp(event) ? decoded((Map<?, ?>) event) : event;
    if (!(request instanceof Map<?, ?> object)) {
      throw new BadRequest("The body must be a JSON object: {\"records\": [...]}.");
    }
    if (!(object.get("records") instanceof List<?> records)) {
      throw new BadRequest("The body needs a list in \"records\".");
    }
    int rows = records.size();
    if (rows == 0 || rows > MOST_ROWS) {
      throw new BadRequest(
          String.format(
              Locale.ROOT, "There must be 1 to %,d records, not %,d.", MOST_ROWS, rows));
    }
    double[][] checked = new double[rows][];
    for (int row = 0; row < rows; row++) {
      checked[row] = record(records.get(row), row, fields);
    }
    return checked;
  }

  /** API Gateway encodes a body as base64 unless its content type is text, JSON or XML. */
  private static Object decoded(Map<?, ?> event) throws BadRequest {
    if (!(event.get("body") instanceof String body) || body.isEmpty()) {
      throw new BadRequest("The request has no body.");
    }
    try {
      return JsonReader.read(isTrue(event.get("isBase64Encoded")) ? fromBase64(body) : body);
    } catch (JsonError error) {
      throw refusal(error);
    }
  }

  private static BadRequest refusal(JsonError error) {
    return new BadRequest(
        switch (error.kind()) {
          case TOO_DEEP -> "The body is nested too deeply.";
          case TOO_LONG_A_NUMBER -> NOT_UTF8;
          case SYNTAX -> "The body is not JSON: %s at line %d, column %d."
              .formatted(error.getMessage(), error.line(), error.column());
        });
  }

  /** Python's notion of truth. */
  private static boolean isTrue(Object value) {
    if (value instanceof Boolean truth) {
      return truth;
    }
    if (value instanceof Number number) {
      return number.doubleValue() != 0;
    }
    if (value instanceof List<?> list) {
      return !list.isEmpty();
    }
    if (value instanceof Map<?, ?> map) {
      return !map.isEmpty();
    }
    return value != null && !"".equals(value);
  }

  private static String fromBase64(String body) throws BadRequest {
    if (body.length() % 4 != 0) { // Java's decoder does without the padding, Python's does not
      throw new BadRequest(NOT_UTF8);
    }
    try {
      byte[] bytes = Base64.getDecoder().decode(body);
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (IllegalArgumentException | CharacterCodingException error) {
      throw new BadRequest(NOT_UTF8);
    }
  }

  private static double[] record(Object record, int at, List<String> fields) throws BadRequest {
    Object shown =
        record instanceof Map<?, ?> map
            ? Arrays.asList(fields.stream().map(map::get).toArray())
            : record;
    if (!(shown instanceof List<?> values) || values.size() != fields.size()) {
      throw new BadRequest(
          "Record %d must be a list or an object of %s.".formatted(at, String.join(", ", fields)));
    }
    double[] row = new double[fields.size()];
    for (int column = 0; column < row.length; column++) {
      if (!isFiniteCount(values.get(column))) {
        throw new BadRequest(
            "Record %d needs a finite number of at least 0 as its %s."
                .formatted(at, fields.get(column)));
      }
      row[column] = ((Number) values.get(column)).doubleValue();
    }
    return row;
  }

  private static boolean isFiniteCount(Object value) {
    if (value instanceof BigInteger number) {
      return number.signum() >= 0 && number.compareTo(GREATEST) <= 0; // exact, unlike a double
    }
    return value instanceof Number number
        && number.doubleValue() >= 0 // false for NaN
        && number.doubleValue() <= Double.MAX_VALUE;
  }
}
