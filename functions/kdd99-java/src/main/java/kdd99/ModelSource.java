package kdd99;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * Loads the model in one of the ways of MODEL_LOADING, from the places of its twin.
 *
 * <p>A model's folder holds metadata.json and saved_model/, or model.zip with these in it. It is
 * model/ of the deployment package, or kdd99/ of the layer; in S3 it is one object, a zip of the
 * folder: MODEL_KEY (kdd99-tf.zip) in MODEL_BUCKET (models).
 *
 * @param inPackage /var/task/model
 * @param temporary Lambda's /tmp
 */
record ModelSource(
    Loading loading, Path inPackage, Path inLayer, Path temporary, String bucket, String key) {

  /**
   * @throws IllegalArgumentException MODEL_LOADING has a value that there is not
   */
  static ModelSource of(Map<String, String> environment) {
    return new ModelSource(
        Loading.of(valueOf(environment, "MODEL_LOADING", Loading.PACKAGE.toString())),
        Path.of(valueOf(environment, "LAMBDA_TASK_ROOT", "/var/task"), "model"),
        Path.of("/opt/kdd99"),
        Path.of(System.getProperty("java.io.tmpdir")),
        valueOf(environment, "MODEL_BUCKET", "models"),
        valueOf(environment, "MODEL_KEY", "kdd99-tf.zip"));
  }

  /** An empty variable counts as one that is not set. */
  private static String valueOf(Map<String, String> environment, String name, String otherwise) {
    String value = environment.getOrDefault(name, "");
    return value.isEmpty() ? otherwise : value;
  }

  /**
   * @throws IOException the model is missing or broken, or S3 refuses it; the message names it
   */
  LoadedModel load() throws IOException {
    return switch (loading) {
      case PACKAGE, EVERY_REQUEST -> from(present(inPackage));
      case LAYER -> from(present(inLayer));
      case S3_INIT, S3_FIRST_REQUEST, S3_EVERY_REQUEST -> fetched();
      case S3_TMP -> from(keptInTmp());
    };
  }

  private static Path present(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      throw new IOException(
          "There is no model in %s: choose another place by MODEL_LOADING.".formatted(folder));
    }
    return folder;
  }

  /** An archive in the folder is unpacked once, under a name by its content. */
  private LoadedModel from(Path folder) throws IOException {
    Path archive = folder.resolve("model.zip");
    if (!Files.exists(archive)) {
      return LoadedModel.load(folder);
    }
    byte[] zip = Files.readAllBytes(archive);
    Path unpacked = Archive.folderFor(zip, temporary);
    if (!Files.isDirectory(unpacked)) {
      Archive.unpackAs(unpacked, zip);
    }
    return LoadedModel.load(unpacked);
  }

  private LoadedModel fetched() throws IOException {
    Path folder = Archive.unpack(S3Object.read(bucket, key), temporary);
    try {
      return from(folder);
    } finally {
      Archive.delete(folder);
    }
  }

  /** Named by its address: an object that changed meanwhile is not noticed. */
  private Path keptInTmp() throws IOException {
    Path folder = Archive.folderFor("s3://" + bucket + "/" + key, temporary);
    if (!Files.isDirectory(folder)) {
      Archive.unpackAs(folder, S3Object.read(bucket, key));
    }
    return folder;
  }
}
