package kdd99;

import java.math.BigDecimal;

/**
 * Writes the twin's JSON: `{"predictions": [{"probability": p, "label": 0 or 1}, ...], "model":
 * name}` in the order of the records, or `{"message": sentence}`.
 */
final class Answer {
  private static final double SHOWN = 1e9;
  private static final int DECIMALS = 9;
  private static final double LEAST_PLAIN = 1e-4;

  private Answer() {}

  static String predictions(float[] probabilities, float threshold, String model) {
    StringBuilder text = new StringBuilder("{\"predictions\":[");
    String separator = "";
    for (float probability : probabilities) {
      text.append(separator).append("{\"probability\":").append(shown(probability));
      text.append(",\"label\":").append(probability >= threshold ? 1 : 0).append('}');
      separator = ",";
    }
    return text.append("],\"model\":").append(quoted(model)).append('}').toString();
  }

  static String message(String sentence) {
    return "{\"message\":" + quoted(sentence) + "}";
  }

  /** What API Gateway makes an HTTP response of. */
  static String http(int status, String body) {
    return "{\"statusCode\":%d,\"headers\":{\"content-type\":\"application/json\"},\"body\":%s}"
        .formatted(status, quoted(body));
  }

  /** Nine decimals as Python writes them: 0.0, 0.25, 2.5e-05. */
  static String shown(float probability) {
    BigDecimal value =
        BigDecimal.valueOf((long) Math.rint(probability * SHOWN), DECIMALS).stripTrailingZeros();
    if (value.signum() != 0 && value.doubleValue() < LEAST_PLAIN) {
      int exponent = value.scale() - value.precision() + 1;
      BigDecimal digits = value.movePointRight(exponent).stripTrailingZeros();
      return "%se-%02d".formatted(digits.toPlainString(), exponent);
    }
    return value.setScale(Math.max(1, value.scale())).toPlainString();
  }

  private static String quoted(String text) {
    StringBuilder quoted = new StringBuilder(text.length() + 2).append('"');
    for (int at = 0; at < text.length(); at++) {
      char next = text.charAt(at);
      if (next == '"' || next == '\\') {
        quoted.append('\\').append(next);
      } else if (next < ' ' || next > '~') {
        quoted.append("\\u%04x".formatted((int) next));
      } else {
        quoted.append(next);
      }
    }
    return quoted.append('"').toString();
  }
}
