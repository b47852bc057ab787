package kdd99;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import org.tensorflow.SavedModelBundle;
import org.tensorflow.Tensor;
import org.tensorflow.framework.MetaGraphDef;
import org.tensorflow.framework.SignatureDef;

/** A SavedModel in TensorFlow, and what its features are made of; its folder is needed no more. */
final class Model implements AutoCloseable {
  private final JsonNode about;
  private final SavedModelBundle bundle;
  private final SignatureDef signature;

  private Model(JsonNode about, SavedModelBundle bundle, SignatureDef signature) {
    this.about = about;
    this.bundle = bundle;
    this.signature = signature;
  }

  /**
   * @param folder has metadata.json and saved_model/
   */
  static Model load(Path folder) throws IOException {
    JsonNode about = Handler.JSON.readTree(folder.resolve("metadata.json").toFile());
    SavedModelBundle bundle = SavedModelBundle.load(folder.resolve("saved_model").toString(), "serve");
    MetaGraphDef graph = MetaGraphDef.parseFrom(bundle.metaGraphDef());
    return new Model(about, bundle, graph.getSignatureDefOrThrow("serving_default"));
  }

  JsonNode about() {
    return about;
  }

  /** The probability of an attack for each record of raw values. */
  float[] predict(double[][] records) {
    float[] probabilities = new float[records.length];
    String input = signature.getInputsOrThrow("features").getName();
    String output = signature.getOutputsOrThrow("probability").getName();
    long[] shape = {records.length, about.get("features").size()};
    try (Tensor<Float> features = Tensor.create(shape, FloatBuffer.wrap(prepared(records)));
        Tensor<?> answer =
            bundle.session().runner().feed(input, features).fetch(output).run().get(0)) {
      answer.copyTo(probabilities);
    }
    return probabilities;
  }

  /** Raw records -> standardised logarithms, row after row. */
  private float[] prepared(double[][] records) {
    JsonNode means = about.get("means");
    JsonNode deviations = about.get("deviations");
    double offset = about.get("log_offset").doubleValue();
    float[] features = new float[records.length * means.size()];
    int at = 0;
    for (double[] record : records) {
      for (int column = 0; column < means.size(); column++) {
        double away = Math.log(record[column] + offset) - means.get(column).doubleValue();
        features[at++] = (float) (away / deviations.get(column).doubleValue());
      }
    }
    return features;
  }

  @Override
  public void close() {
    bundle.close();
  }
}
