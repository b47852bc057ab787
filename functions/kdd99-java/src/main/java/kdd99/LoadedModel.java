package kdd99;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.tensorflow.Result;
import org.tensorflow.SavedModelBundle;
import org.tensorflow.Signature;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.ndarray.buffer.DataBuffers;
import org.tensorflow.proto.ConfigProto;
import org.tensorflow.types.TFloat32;

/** The SavedModel in TensorFlow; of its folder nothing is needed any more. */
final class LoadedModel implements AutoCloseable {
  /** Lambda shows two CPUs up to 3,008 MB; TensorFlow would count the host's. */
  private static final ConfigProto THREADS =
      ConfigProto.newBuilder()
          .setIntraOpParallelismThreads(2)
          .setInterOpParallelismThreads(1)
          .build();

  private final Metadata about;
  private final SavedModelBundle bundle;

  private LoadedModel(Metadata about, SavedModelBundle bundle) {
    this.about = about;
    this.bundle = bundle;
  }

  /**
   * @param folder has metadata.json and saved_model/
   */
  static LoadedModel load(Path folder) throws IOException {
    Metadata about = Metadata.read(folder);
    SavedModelBundle bundle =
        SavedModelBundle.loader(folder.resolve("saved_model").toString())
            .withTags(SavedModelBundle.DEFAULT_TAG)
            .withConfigProto(THREADS)
            .load();
    return new LoadedModel(about, bundle);
  }

  Metadata about() {
    return about;
  }

  /** The probability of an attack for each record. */
  float[] predict(double[][] records) {
    float[] probabilities = new float[records.length];
    Shape shape = Shape.of(records.length, about.means().length);
    try (TFloat32 features = TFloat32.tensorOf(shape, DataBuffers.of(about.features(records)));
        Result result =
            bundle.function(Signature.DEFAULT_KEY).call(Map.of("features", features))) {
      TFloat32 probability = (TFloat32) result.get("probability").orElseThrow();
      probability.copyTo(DataBuffers.of(probabilities, false, false));
    }
    return probabilities;
  }

  @Override
  public void close() {
    bundle.close();
  }
}
