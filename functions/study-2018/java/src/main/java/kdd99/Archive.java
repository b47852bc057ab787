package kdd99;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

/** Folders unpacked from a zip, in Lambda's /tmp. */
final class Archive {
  private Archive() {}

  /**
   * @throws IOException it is no zip, or a name in it leads out of the folder
   */
  static Path unpack(InputStream zip) throws IOException {
    Path folder = Files.createTempDirectory("kdd99-java-2018-");
    int files = 0;
    try (ZipInputStream entries = new ZipInputStream(zip)) {
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
    }
    if (files == 0) {
      throw new IOException("The model's file is not a zip, or an empty one.");
    }
    return folder;
  }

  static void delete(Path folder) throws IOException {
    if (folder == null) {
      return;
    }
    List<Path> below;
    try (Stream<Path> found = Files.walk(folder)) {
      below = found.sorted(Comparator.reverseOrder()).collect(Collectors.toList());
    }
    for (Path path : below) {
      Files.delete(path);
    }
  }
}
