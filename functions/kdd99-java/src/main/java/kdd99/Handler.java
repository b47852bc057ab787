package kdd99;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/**
 * The KDD99 model in TensorFlow Java, on the SavedModel of its twin kdd99-tf and with its answers.
 *
 * <p>An event of API Gateway's HTTP API or of a function URL gets an HTTP response, 200 or 400; any
 * other event is the request itself and gets the plain answer.
 */
public final class Handler implements RequestStreamHandler {
  private static final String NAME = "kdd99-java";

  private final ModelSource source;
  private LoadedModel model;

  /** Lambda's init: makes the model ready unless MODEL_LOADING puts that off. */
  public Handler() throws IOException {
    this(ModelSource.of(System.getenv()));
  }

  Handler(ModelSource source) throws IOException {
    this.source = source;
    this.model = source.loading().isAtInit() ? source.load() : null;
  }

  @Override
  public void handleRequest(InputStream event, OutputStream answer, Context context)
      throws IOException {
    String text = new String(event.readAllBytes(), StandardCharsets.UTF_8);
    answer.write(answerTo(text).getBytes(StandardCharsets.UTF_8));
  }

  /**
   * @throws IOException there is no model to be had
   * @throws IllegalArgumentException the event is not JSON, which a caller cannot do
   */
  String answerTo(String event) throws IOException {
    Object read = parsed(event);
    if (source.loading().isAnew()) {
      try (LoadedModel fresh = source.load()) {
        return answerTo(read, fresh);
      }
    }
    if (model == null) {
      model = source.load();
    }
    return answerTo(read, model);
  }

  private static Object parsed(String event) {
    try {
      return JsonReader.read(event);
    } catch (JsonError error) {
      throw new IllegalArgumentException("The event is not JSON: " + error.getMessage(), error);
    }
  }

  private static String answerTo(Object event, LoadedModel model) {
    int status = 200;
    String body;
    try {
      float[] probabilities = model.predict(Request.records(event, model.about().fields()));
      body = Answer.predictions(probabilities, model.about().threshold(), NAME);
    } catch (BadRequest error) {
      status = 400;
      body = Answer.message(error.getMessage());
    }
    return Request.isHttp(event) ? Answer.http(status, body) : body;
  }
}
