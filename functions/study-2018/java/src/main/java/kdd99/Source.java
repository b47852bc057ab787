package kdd99;

import com.amazonaws.client.builder.AwsClientBuilder.EndpointConfiguration;
import com.amazonaws.services.s3.AmazonS3;
import com.amazonaws.services.s3.AmazonS3ClientBuilder;
import com.amazonaws.services.s3.model.S3Object;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Map;

/**
 * Where a request has its model from: the zip MODEL_KEY in MODEL_BUCKET, once more for each request
 * (MODEL_LOADING=s3-every-request, as in the study) or once in all (s3-first-request).
 */
final class Source {
  private static final String ANEW = "s3-every-request";
  private static final String ONCE = "s3-first-request";

  private final AmazonS3 s3;
  private final String bucket;
  private final String key;
  private final boolean keeps;
  private Model kept;

  private Source(AmazonS3 s3, String bucket, String key, boolean keeps) {
    this.s3 = s3;
    this.bucket = bucket;
    this.key = key;
    this.keeps = keeps;
  }

  static Source of(Map<String, String> environment) {
    String loading = valueOf(environment, "MODEL_LOADING", ANEW);
    if (!loading.equals(ANEW) && !loading.equals(ONCE)) {
      throw new IllegalArgumentException(
          String.format("MODEL_LOADING must be one of %s, %s, not %s.", ANEW, ONCE, loading));
    }
    return new Source(
        client(environment),
        valueOf(environment, "MODEL_BUCKET", "models"),
        valueOf(environment, "MODEL_KEY", Handler.NAME + ".zip"),
        loading.equals(ONCE));
  }

  /** An empty variable counts as one that is not set. */
  private static String valueOf(Map<String, String> environment, String name, String otherwise) {
    String value = environment.getOrDefault(name, "");
    return value.isEmpty() ? otherwise : value;
  }

  /**
   * The SDK of 2018 does not read AWS_ENDPOINT_URL, and without it this is AWS's own S3. On one
   * machine no bucket has a host name of its own.
   */
  private static AmazonS3 client(Map<String, String> environment) {
    String endpoint = valueOf(environment, "AWS_ENDPOINT_URL", "");
    if (endpoint.isEmpty()) {
      return AmazonS3ClientBuilder.defaultClient();
    }
    String region = valueOf(environment, "AWS_REGION", "us-east-1");
    return AmazonS3ClientBuilder.standard()
        .withEndpointConfiguration(new EndpointConfiguration(endpoint, region))
        .withPathStyleAccessEnabled(true)
        .build();
  }

  /** A model for one request; closing the lease gives it back. */
  Lease take() throws IOException {
    if (!keeps) {
      return new Lease(fetched(), true);
    }
    if (kept == null) {
      kept = fetched();
    }
    return new Lease(kept, false);
  }

  private Model fetched() throws IOException {
    Path folder = null;
    try (S3Object object = s3.getObject(bucket, key);
        InputStream content = object.getObjectContent()) {
      folder = Archive.unpack(content);
      return Model.load(folder);
    } finally {
      Archive.delete(folder);
    }
  }

  static final class Lease implements AutoCloseable {
    private final Model model;
    private final boolean ends;

    private Lease(Model model, boolean ends) {
      this.model = model;
      this.ends = ends;
    }

    Model model() {
      return model;
    }

    @Override
    public void close() {
      if (ends) {
        model.close();
      }
    }
  }
}
