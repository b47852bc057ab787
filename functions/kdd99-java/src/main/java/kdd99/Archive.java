package kdd99;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

/** Folders unpacked from a zip. */
final class Archive {
  private static final int SHOWN_BYTES = 8;

  private Archive() {}

  /** Where the archive of this content, or of this address, belongs below `parent`. */
  static Path folderFor(byte[] identity, Path parent) {
    try {
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(identity);
      return parent.resolve("kdd99-java-" + HexFormat.of().formatHex(digest, 0, SHOWN_BYTES));
    } catch (NoSuchAlgorithmException error) {
      throw new IllegalStateException("every JVM has SHA-256", error);
    }
  }

  static Path folderFor(String address, Path parent) {
    return folderFor(address.getBytes(StandardCharsets.UTF_8), parent);
  }

  /** The folder appears whole: an init may be killed half-way. */
  static void unpackAs(Path folder, byte[] zip) throws IOException {
    Path fresh = unpack(zip, folder.getParent());
    try {
      Files.move(fresh, folder, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException error) {
      delete(fresh);
      if (!Files.isDirectory(folder)) { // otherwise another process was first
        throw error;
      }
    }
  }

  /**
   * @return a new folder below `parent`
   * @throws IOException it is no zip, or a name in it leads out of the folder
   */
  static Path unpack(byte[] zip, Path parent) throws IOException {
    Path folder = Files.createTempDirectory(parent, "kdd99-java-");
    int files = 0;
    try (ZipInputStream entries = new ZipInputStream(new ByteArrayInputStream(zip))) {
      for (ZipEntry entry = entries.getNextEntry(); entry != null; entry = entries.getNextEntry()) {
        Path target = folder.resolve(entry.getName()).normalize();
        if (!target.startsWith(folder)) {
          throw new IOException("The model's zip has a name that leads out of it.");
        }
        if (!entry.isDirectory()) {
          Files.createDirectories(target.getParent());
          Files.copy(entries, target);
          files++;
        }
      }
      if (files == 0) {
        throw new IOException("The model's file is not a zip, or an empty one.");
      }
    } catch (IOException error) {
      delete(folder);
      throw error;
    }
    return folder;
  }

  static void delete(Path folder) throws IOException {
    try (Stream<Path> below = Files.walk(folder)) {
      below.sorted(Comparator.reverseOrder()).forEach(Archive::deleteOne);
    } catch (UncheckedIOException error) {
      throw error.getCause();
    }
  }

  private static void deleteOne(Path path) {
    try {
      Files.delete(path);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }
}
