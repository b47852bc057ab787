package kdd99;

import com.fasterxml.jackson.core.type.TypeReference;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** The function without Lambda: an event a line in, its answer a line out. */
public final class Answers {
  private static final TypeReference<Map<String, Object>> ANY =
      new TypeReference<Map<String, Object>>() {};

  private Answers() {}

  public static void main(String[] arguments) throws IOException {
    PrintStream answers = new PrintStream(System.out, true, StandardCharsets.UTF_8.name());
    System.setOut(System.err); // where the log goes then
    Handler handler = new Handler();
    InputStreamReader input = new InputStreamReader(System.in, StandardCharsets.UTF_8);
    BufferedReader events = new BufferedReader(input);
    for (String event = events.readLine(); event != null; event = events.readLine()) {
      Map<String, Object> read = Handler.JSON.readValue(event, ANY);
      answers.println(Handler.JSON.writeValueAsString(handler.handleRequest(read, null)));
    }
  }
}
