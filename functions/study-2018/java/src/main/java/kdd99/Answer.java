package kdd99;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** From `{"records": [[duration, src_bytes, dst_bytes], ...]}` to the predictions. */
final class Answer {
  /** What fits into the 6,291,556 bytes that Lambda returns. */
  private static final int MOST_ROWS = 149_000;

  private static final double SHOWN = 1e9;

  private Answer() {}

  static Map<String, Object> of(Model model, JsonNode request) throws BadRequest {
    float[] probabilities = model.predict(records(request, model.about().get("features")));
    double threshold = model.about().get("threshold").doubleValue();
    List<Map<String, Object>> predictions = new ArrayList<>();
    for (float probability : probabilities) {
      Map<String, Object> prediction = new LinkedHashMap<>();
      prediction.put("probability", Math.rint(probability * SHOWN) / SHOWN);
      prediction.put("label", probability >= threshold ? 1 : 0);
      predictions.add(prediction);
    }
    Map<String, Object> answer = new LinkedHashMap<>();
    answer.put("predictions", predictions);
    answer.put("model", Handler.NAME);
    return answer;
  }

  private static double[][] records(JsonNode request, JsonNode fields) throws BadRequest {
    JsonNode records = request.path("records");
    if (!records.isArray()) {
      throw new BadRequest("The body needs a list in \"records\".");
    }
    int rows = records.size();
    if (rows == 0 || rows > MOST_ROWS) {
      throw new BadRequest(
          String.format(Locale.ROOT, "There must be 1 to %,d records, not %,d.", MOST_ROWS, rows));
    }
    double[][] checked = new double[rows][];
    for (int row = 0; row < rows; row++) {
      checked[row] = record(records.get(row), row, fields);
    }
    return checked;
  }

  private static double[] record(JsonNode record, int at, JsonNode fields) throws BadRequest {
    if (!record.isObject() && (!record.isArray() || record.size() != fields.size())) {
      throw new BadRequest(
          String.format("Record %d must be a list or an object of %s.", at, joined(fields)));
    }
    double[] row = new double[fields.size()];
    for (int column = 0; column < row.length; column++) {
      String field = fields.get(column).textValue();
      JsonNode value = record.isObject() ? record.path(field) : record.get(column);
      if (!value.isNumber() || !(value.doubleValue() >= 0 && !isInfinite(value))) {
        throw new BadRequest(
            String.format(
                "Record %d needs a finite number of at least 0 as its %s.", at, field));
      }
      row[column] = value.doubleValue();
    }
    return row;
  }

  private static boolean isInfinite(JsonNode value) {
    return Double.isInfinite(value.doubleValue());
  }

  private static String joined(JsonNode fields) {
    StringBuilder text = new StringBuilder();
    for (Iterator<JsonNode> names = fields.elements(); names.hasNext(); ) {
      text.append(text.length() == 0 ? "" : ", ").append(names.next().textValue());
    }
    return text.toString();
  }
}
