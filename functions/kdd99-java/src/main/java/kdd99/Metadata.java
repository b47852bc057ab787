package kdd99;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** metadata.json of the model's folder: what its features are made of. */
record Metadata(
    List<String> fields,
    double logOffset,
    double[] means,
    double[] deviations,
    float threshold) {

  /**
   * @throws IOException the file is missing, or is not the training script's
   */
  static Metadata read(Path folder) throws IOException {
    Path file = folder.resolve("metadata.json");
    try {
      Map<?, ?> about = (Map<?, ?>) JsonReader.read(Files.readString(file));
      return new Metadata(
          ((List<?>) about.get("features")).stream().map(String.class::cast).toList(),
          number(about.get("log_offset")),
          numbers(about.get("means")),
          numbers(about.get("deviations")),
          (float) number(about.get("threshold")));
    } catch (JsonError | ClassCastException | NullPointerException error) {
      throw new IOException(file + " does not describe a KDD99 model", error);
    }
  }

  /** Raw records -> standardised logarithms, row after row, as the SavedModel takes them. */
  float[] features(double[][] records) {
    float[] features = new float[records.length * means.length];
    int at = 0;
    for (double[] record : records) {
      for (int column = 0; column < means.length; column++) {
        double logarithm = Math.log(record[column] + logOffset);
        features[at++] = (float) ((logarithm - means[column]) / deviations[column]);
      }
    }
    return features;
  }

  private static double[] numbers(Object list) {
    return ((List<?>) list).stream().mapToDouble(Metadata::number).toArray();
  }

  private static double number(Object value) {
    return ((Number) value).doubleValue();
  }
}
