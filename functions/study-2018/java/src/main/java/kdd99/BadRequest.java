package kdd99;

/** One sentence that tells the caller what to mend. */
final class BadRequest extends Exception {
  private static final long serialVersionUID = 1;

  BadRequest(String sentence) {
    super(sentence);
  }
}
