package kdd99;

import java.math.BigInteger;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;

/**
 * Reads what Python 3.13's json module reads, NaN and infinities included, and refuses the rest in
 * its words and at its places, so that this function's answers are those of its Python twin.
 *
 * <p>Gives Map, List, String, Long, BigInteger, Double, Boolean and null. Keeps its own stack, as a
 * JVM's is too small for the depth that Python allows.
 */
final class JsonReader {
  /** Measured with CPython 3.13 on Lambda's image: one level more is a RecursionError. */
  private static final int MOST_LEVELS = 9_998;

  /** What Python's int() reads unless told otherwise; the sign does not count. */
  private static final int MOST_DIGITS = 4_300;

  private static final int SURELY_LONG_DIGITS = 18;
  private static final Object OPENED = new Object();

  private final String text;
  private final Deque<Open> opened = new ArrayDeque<>();
  private int at;

  private JsonReader(String text) {
    this.text = text;
  }

  static Object read(String text) throws JsonError {
    JsonReader reader = new JsonReader(text);
    if (text.startsWith("\ufeff")) {
      throw reader.error("Unexpected UTF-8 BOM (decode using utf-8-sig)", 0);
    }
    reader.skipBlanks();
    Object value = reader.whole();
    reader.skipBlanks();
    if (reader.at < text.length()) {
      throw reader.error("Extra data", reader.at);
    }
    return value;
  }

  /** A list or an object of which the closing bracket has not been read. */
  private static final class Open {
    final char closing;
    final ArrayList<Object> list = new ArrayList<>();
    final Map<String, Object> map = new HashMap<>();
    String key = "";

    Open(char closing) {
      this.closing = closing;
    }

    boolean isObject() {
      return closing == '}';
    }

    void add(Object value) {
      if (isObject()) {
        map.put(key, value);
      } else {
        list.add(value);
      }
    }

    Object value() {
      return isObject() ? map : list;
    }
  }

  private Object whole() throws JsonError {
    while (true) {
      Object value = begin();
      while (value != OPENED) {
        if (opened.isEmpty()) {
          return value;
        }
        opened.peek().add(value);
        value = goOn();
      }
    }
  }

  /** A scalar or an empty list or object, read to its end; OPENED where a value follows. */
  private Object begin() throws JsonError {
    return switch (here()) {
      case '[' -> open(']');
      case '{' -> open('}');
      case '"' -> string();
      case 't' -> literal("true", true);
      case 'f' -> literal("false", false);
      case 'n' -> literal("null", null);
      case 'N' -> literal("NaN", Double.NaN);
      case 'I' -> literal("Infinity", Double.POSITIVE_INFINITY);
      default -> text.startsWith("-I", at)
          ? literal("-Infinity", Double.NEGATIVE_INFINITY)
          : number();
    };
  }

  private Object open(char closing) throws JsonError {
    if (opened.size() == MOST_LEVELS) {
      throw JsonError.of(JsonError.Kind.TOO_DEEP);
    }
    at++;
    skipBlanks();
    Open fresh = new Open(closing);
    if (here() == closing) {
      at++;
      return fresh.value();
    }
    opened.push(fresh);
    if (fresh.isObject()) {
      fresh.key = key();
    }
    return OPENED;
  }

  /** After a value: the innermost list or object if this closes it, or OPENED before its next. */
  private Object goOn() throws JsonError {
    Open innermost = opened.element();
    skipBlanks();
    if (here() == innermost.closing) {
      at++;
      return opened.pop().value();
    }
    if (here() != ',') {
      throw error("Expecting ',' delimiter", at);
    }
    int comma = at++;
    skipBlanks();
    if (here() == innermost.closing) {
      String end = innermost.isObject() ? "object" : "array";
      throw error("Illegal trailing comma before end of " + end, comma);
    }
    if (innermost.isObject()) {
      innermost.key = key();
    }
    return OPENED;
  }

  private String key() throws JsonError {
    if (here() != '"') {
      throw error("Expecting property name enclosed in double quotes", at);
    }
    String key = string();
    skipBlanks();
    if (here() != ':') {
      throw error("Expecting ':' delimiter", at);
    }
    at++;
    skipBlanks();
    return key;
  }

  private Object literal(String word, Object value) throws JsonError {
    if (!text.startsWith(word, at)) {
      throw error("Expecting value", at);
    }
    at += word.length();
    return value;
  }

  private Object number() throws JsonError {
    int start = at;
    int digits = here() == '-' ? at + 1 : at;
    int end = pastDigits(digits);
    if (end == digits) {
      throw error("Expecting value", start);
    }
    if (text.charAt(digits) == '0') {
      end = digits + 1;
    }
    int fraction = pastFraction(end);
    at = pastExponent(fraction);
    if (at > end) {
      return Double.valueOf(text.substring(start, at));
    }
    return integer(text.substring(start, at), end - digits);
  }

  private static Object integer(String written, int digits) throws JsonError {
    if (digits > MOST_DIGITS) {
      throw JsonError.of(JsonError.Kind.TOO_LONG_A_NUMBER);
    }
    if (digits > SURELY_LONG_DIGITS) {
      return new BigInteger(written);
    }
    return Long.valueOf(written);
  }

  private int pastDigits(int from) {
    int end = from;
    while (end < text.length() && text.charAt(end) >= '0' && text.charAt(end) <= '9') {
      end++;
    }
    return end;
  }

  /** These two give `from` where there is no fraction or exponent, or only the start of one. */
  private int pastFraction(int from) {
    if (!text.startsWith(".", from)) {
      return from;
    }
    int end = pastDigits(from + 1);
    return end > from + 1 ? end : from;
  }

  private int pastExponent(int from) {
    if (!text.startsWith("e", from) && !text.startsWith("E", from)) {
      return from;
    }
    boolean signed = text.startsWith("+", from + 1) || text.startsWith("-", from + 1);
    int digits = from + (signed ? 2 : 1);
    int end = pastDigits(digits);
    return end > digits ? end : from;
  }

  private String string() throws JsonError {
    int quote = at++;
    StringBuilder value = new StringBuilder();
    while (true) {
      if (at >= text.length()) {
        throw error("Unterminated string starting at", quote);
      }
      char next = text.charAt(at);
      if (next == '"') {
        at++;
        return value.toString();
      }
      if (next == '\\') {
        value.append(escaped(quote));
      } else if (next < ' ') {
        throw error("Invalid control character at", at);
      } else {
        value.append(next);
        at++;
      }
    }
  }

  private char escaped(int quote) throws JsonError {
    int backslash = at++;
    if (at >= text.length()) {
      throw error("Unterminated string starting at", quote);
    }
    char letter = text.charAt(at++);
    if (letter == 'u') {
      return unicode();
    }
    int known = "\"\\/bfnrt".indexOf(letter);
    if (known < 0) {
      throw error("Invalid \\escape", backslash);
    }
    return "\"\\/\b\f\n\r\t".charAt(known);
  }

  /** Half a pair of surrogates is a value too, as in Python. */
  private char unicode() throws JsonError {
    int value = 0;
    int end = at + 4;
    int place = at - 1;
    while (at < end) {
      // Python wants a character after the four, as a string has its quote there.
      int digit = end < text.length() ? hexadecimal(text.charAt(at++)) : -1;
      if (digit < 0) {
        throw error("Invalid \\uXXXX escape", place);
      }
      value = value * 16 + digit;
    }
    return (char) value;
  }

  private static int hexadecimal(char digit) {
    return digit < 128 ? Character.digit(digit, 16) : -1; // it knows other alphabets' digits
  }

  private void skipBlanks() {
    while (at < text.length() && " \t\n\r".indexOf(text.charAt(at)) >= 0) {
      at++;
    }
  }

  /** The character that comes next; NUL, which JSON has nowhere, at the end. */
  private char here() {
    return at < text.length() ? text.charAt(at) : '\0';
  }

  private JsonError error(String message, int place) {
    return JsonError.syntax(message, text, place);
  }
}
