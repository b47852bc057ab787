package kdd99;

import java.util.Arrays;
import java.util.stream.Collectors;

/** Where the model comes from, and when: the values of MODEL_LOADING. */
enum Loading {
  /** At init, from the deployment package; the default. */
  PACKAGE("package"),
  /** At init, from where a layer would be. */
  LAYER("layer"),
  /** At every init, from S3. */
  S3_INIT("s3-init"),
  /** As S3_INIT, while the first request waits. */
  S3_FIRST_REQUEST("s3-first-request"),
  /** At init, from S3, kept in /tmp: a sandbox that is reset finds it there. */
  S3_TMP("s3-tmp"),
  /** From S3, once more for each request. */
  S3_EVERY_REQUEST("s3-every-request"),
  /** From the package, once more for each request: the naive way. */
  EVERY_REQUEST("every-request");

  private final String value;

  Loading(String value) {
    this.value = value;
  }

  /**
   * @throws IllegalArgumentException there is no such way; the message has those that there are
   */
  static Loading of(String value) {
    return Arrays.stream(values())
        .filter(one -> one.value.equals(value))
        .findAny()
        .orElseThrow(() -> new IllegalArgumentException(
            "MODEL_LOADING must be one of %s, not %s.".formatted(all(), value)));
  }

  private static String all() {
    return Arrays.stream(values()).map(Loading::toString).collect(Collectors.joining(", "));
  }

  boolean isAtInit() {
    return this != S3_FIRST_REQUEST && !isAnew();
  }

  /** Whether each request has a model of its own. */
  boolean isAnew() {
    return this == EVERY_REQUEST || this == S3_EVERY_REQUEST;
  }

  @Override
  public String toString() {
    return value;
  }
}
