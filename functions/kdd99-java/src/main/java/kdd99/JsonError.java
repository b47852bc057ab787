package kdd99;

/** A text that is not JSON, in the words of Python's json module. */
final class JsonError extends Exception {
  private static final long serialVersionUID = 1;

  /** What makes a text unreadable. */
  enum Kind {
    SYNTAX,
    TOO_DEEP,
    TOO_LONG_A_NUMBER
  }

  private final Kind kind;
  private final int line;
  private final int column;

  private JsonError(Kind kind, String message, int line, int column) {
    super(message);
    this.kind = kind;
    this.line = line;
    this.column = column;
  }

  /** Counts lines and columns from 1, and columns in code points, as Python does. */
  static JsonError syntax(String message, String text, int at) {
    int lineStart = text.lastIndexOf('\n', at - 1) + 1;
    int line = 1 + (int) text.substring(0, lineStart).chars().filter(one -> one == '\n').count();
    return new JsonError(
        Kind.SYNTAX, message, line, text.codePointCount(lineStart, at) + 1);
  }

  static JsonError of(Kind kind) {
    return new JsonError(kind, kind.toString(), 0, 0);
  }

  Kind kind() {
    return kind;
  }

  int line() {
    return line;
  }

  int column() {
    return column;
  }
}
