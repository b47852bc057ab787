package kdd99;

import java.io.IOException;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.services.s3.S3Client;

/**
 * Reads from S3, at AWS_ENDPOINT_URL where that is set. A class of its own: AWS's SDK is loaded
 * with it, and so only where MODEL_LOADING asks for S3.
 */
final class S3Object {
  private S3Object() {}

  /**
   * @throws IOException there is no such object or bucket, or no way to S3
   */
  static byte[] read(String bucket, String key) throws IOException {
    try (S3Client client =
        S3Client.builder()
            .httpClientBuilder(UrlConnectionHttpClient.builder())
            .forcePathStyle(true) // an endpoint on one machine has no host name for each bucket
            .build()) {
      return client
          .getObjectAsBytes(request -> request.bucket(bucket).key(key))
          .asByteArrayUnsafe();
    } catch (SdkException error) {
      throw new IOException(
          "The model s3://%s/%s cannot be read: %s".formatted(bucket, key, error.getMessage()),
          error);
    }
  }
}
