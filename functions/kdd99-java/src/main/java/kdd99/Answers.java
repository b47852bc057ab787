package kdd99;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** The function without Lambda: an event a line in, its answer a line out. */
public final class Answers {
  private Answers() {}

  public static void main(String[] arguments) throws IOException {
    Handler handler = new Handler();
    BufferedReader events =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    for (String event = events.readLine(); event != null; event = events.readLine()) {
      answers.println(handler.answerTo(event));
    }
  }
}
