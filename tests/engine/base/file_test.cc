// Files that are no files, that end early, and that change while they are in use (C12, F01-F07).
#include "engine/base/file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "engine/base/check.h"
#include "tests/support/scratch.h"

using namespace qwench;
using qwench::test::ScratchFolder;

#define CHECK_REFUSED(expression, words) \
  CHECK_THROWS_WITH_AS((void)(expression), doctest::Contains(words), Error)

TEST_CASE("only regular files are opened; everything else is refused by name (C12)") {
  const ScratchFolder folder;
  const std::string fifo = folder.file("fifo"), loop = folder.file("loop");
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  std::filesystem::create_symlink(loop, loop);
  CHECK_REFUSED(File(folder.path()), "got a directory");
  CHECK_REFUSED(File(fifo), "got a pipe");
  CHECK_REFUSED(File("/dev/zero"), "got a device");
  CHECK_REFUSED(File(loop), "symbolic link");
  CHECK_REFUSED(File(folder.file("none")), "No such file");
  CHECK_REFUSED(File(std::string("a\0b", 3)), "NUL");
  const std::string locked = folder.write("locked", "x");
  chmod(locked.c_str(), 0);
  if (geteuid() != 0) CHECK_REFUSED(File(locked), "Permission denied");
}

TEST_CASE("read_at gives exactly the bytes asked for, or an Error at the end") {
  const ScratchFolder folder;
  const File file(folder.write("f", "0123456789"));
  std::string to(4, ' ');
  file.read_at(3, 4, to.data());
  CHECK(to == "3456");
  CHECK(file.size() == 10);
  CHECK_REFUSED(file.read_at(8, 4, to.data()), "got only 2");
  CHECK_REFUSED(file.read_at(20, 1, to.data()), "truncated");
  CHECK(read_file(file.path(), 10) == "0123456789");
  CHECK_REFUSED(read_file(file.path(), 9), "at most 9 bytes, got 10");
}

namespace {
int calls = 0;
ssize_t one_byte_and_interrupts(int fd, void* to, size_t n, off_t offset) {
  if (++calls % 3 == 0) {
    errno = EINTR;
    return -1;
  }
  return ::pread(fd, to, std::min<size_t>(n, 1), offset);
}
ssize_t fails_at_byte_5(int fd, void* to, size_t n, off_t offset) {
  if (offset >= 5) {
    errno = EIO;
    return -1;
  }
  return ::pread(fd, to, std::min<size_t>(n, size_t(5 - offset)), offset);
}
}  // namespace

TEST_CASE("short reads and EINTR are continued, EIO is an Error with its place (F06)") {
  const ScratchFolder folder;
  const File file(folder.write("f", "0123456789"));
  std::string to(10, ' ');
  pread_fully(file.descriptor(), 0, 10, to.data(), file.path(), one_byte_and_interrupts);
  CHECK(to == "0123456789");
  CHECK_REFUSED(pread_fully(file.descriptor(), 0, 10, to.data(), file.path(), fails_at_byte_5),
                "reading byte 5");
}

TEST_CASE("a file that shrinks, grows or is overwritten while in use is an Error (F01-F03)") {
  const ScratchFolder folder;
  const std::string path = folder.write("f", std::string(8192, 'a'));
  const File file(path);
  const MappedFile mapped(path);
  CHECK(mapped.at(8191, 1)[0] == 'a');
  SUBCASE("shrinks") {
    REQUIRE(truncate(path.c_str(), 100) == 0);
    CHECK_REFUSED(file.check_unchanged(), "got 100");
    CHECK_REFUSED(mapped.at(5000, 1), "changed while in use");
  }
  SUBCASE("grows") {
    REQUIRE(truncate(path.c_str(), 9000) == 0);
    CHECK_REFUSED(file.check_unchanged(), "got 9000");
    CHECK_REFUSED(mapped.at(0, 1), "changed while in use");
  }
  SUBCASE("is overwritten in place") {
    usleep(20000);  // modification times advance in steps of a timer tick
    const int fd = open(path.c_str(), O_WRONLY);
    REQUIRE(write(fd, "b", 1) == 1);
    close(fd);
    CHECK_REFUSED(file.check_unchanged(), "written to while in use");
    CHECK_REFUSED(mapped.at(0, 1), "written to while in use");
  }
}

TEST_CASE("a file renamed over or deleted is still the one that was opened (F04, F05)") {
  const ScratchFolder folder;
  const std::string path = folder.write("f", "old");
  const File file(path);
  const MappedFile mapped(path);
  std::filesystem::rename(folder.write("g", "newer"), path);
  std::string to(3, ' ');
  file.read_at(0, 3, to.data());
  CHECK(to == "old");
  CHECK_NOTHROW(file.check_unchanged());
  CHECK(std::string(mapped.at(0, 3), 3) == "old");
  std::filesystem::remove(path);
  CHECK_NOTHROW(file.check_unchanged());
}

TEST_CASE("bytes past 4 GiB of a sparse file are read (F07)") {
  const ScratchFolder folder;
  const std::string path = folder.write("f", "");
  const int64_t far = (int64_t(5) << 30) + 1;
  const int fd = open(path.c_str(), O_WRONLY);
  const bool written = pwrite(fd, "end", 3, off_t(far)) == 3;
  close(fd);
  if (!written) {
    MESSAGE("skipped: the file system has no sparse files of 5 GiB");
    return;
  }
  const File file(path);
  CHECK(file.size() == far + 3);
  std::string to(3, ' ');
  file.read_at(far, 3, to.data());
  CHECK(to == "end");
}

TEST_CASE("mapping checks its range and takes an empty file") {
  const ScratchFolder folder;
  const MappedFile empty(folder.write("e", "")), mapped(folder.write("f", "abc"));
  CHECK_NOTHROW(empty.at(0, 0));
  CHECK_REFUSED(empty.at(0, 1), "got a file of 0 bytes");
  CHECK_REFUSED(mapped.at(1, 3), "got a file of 3 bytes");
  CHECK_REFUSED(mapped.at(-1, 1), "at byte -1");
  CHECK_REFUSED(mapped.at(INT64_MAX, INT64_MAX), "got a file of 3 bytes");
}

TEST_CASE("a file appears under its name only when it is whole") {
  const ScratchFolder folder;
  const std::string path = folder.write("f", "old");
  {
    FileWriter abandoned(path);
    abandoned.write("half", 4);
  }
  CHECK(read_file(path, 100) == "old");
  FileWriter writer(path);
  writer.write("new", 3);
  CHECK(read_file(path, 100) == "old");
  writer.close();
  CHECK(read_file(path, 100) == "new");
  using Entries = std::filesystem::directory_iterator;
  CHECK(std::distance(Entries(folder.path()), Entries()) == 1);  // no temporary is left
  CHECK_REFUSED(FileWriter(folder.file("no/such/folder")), "cannot be created");
}

TEST_CASE("a device is written to and stays one") {
  if (access("/dev/full", W_OK) != 0) return;
  FileWriter full("/dev/full");
  CHECK_REFUSED(full.write("x", 1), "No space left");
  FileWriter null("/dev/null");
  null.write("x", 1);
  null.close();
  for (const char* device : {"/dev/full", "/dev/null"})
    CHECK(std::filesystem::is_character_file(device));
  const ScratchFolder folder;
  CHECK_REFUSED(FileWriter(folder.path()), "got a folder");
}

TEST_CASE("a full disk is an Error (F06)") {
  if (access("/dev/full", W_OK) != 0) return;
  const ScratchFolder folder;
  const std::string path = folder.file("f");
  std::filesystem::create_symlink("/dev/full", path);
  FileWriter writer(path);
  CHECK_REFUSED(writer.write("x", 1), "No space left");
}

TEST_CASE("a link is written through, and one that leads nowhere is refused") {
  const ScratchFolder folder;
  const std::string target = folder.write("target", "old"), link = folder.file("link");
  std::filesystem::permissions(
      target, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  std::filesystem::create_symlink(target, link);
  FileWriter writer(link);
  writer.write("new", 3);
  writer.close();
  CHECK(std::filesystem::is_symlink(link));
  CHECK(read_file(target, 100) == "new");
  CHECK(std::filesystem::status(target).permissions() ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  const std::string nowhere = folder.file("nowhere");
  std::filesystem::create_symlink(folder.file("absent"), nowhere);
  CHECK_REFUSED(FileWriter(nowhere).close(), "leads to no file");
}

TEST_CASE("nobody can foresee the name of the temporary") {
  const ScratchFolder folder;
  const std::string path = folder.file("f");
  const auto temporary = [&] {
    const FileWriter writer(path);
    return std::filesystem::directory_iterator(folder.path())->path().string();
  };
  const std::string first = temporary();
  CHECK(first.rfind(path + ".part-", 0) == 0);
  CHECK(first != temporary());
}

TEST_CASE("whether a file can be written is known before the work") {
  const ScratchFolder folder;
  require_writable(folder.file("new"));
  CHECK(!std::filesystem::exists(folder.file("new")));
  const std::string old = folder.write("old", "old");
  require_writable(old);
  CHECK(read_file(old, 100) == "old");
  CHECK_REFUSED(require_writable(folder.file("no/such/folder")), "no folder");
  CHECK_REFUSED(require_writable(folder.path()), "got a folder");
  CHECK_REFUSED(require_writable(""), "got nothing");
}
