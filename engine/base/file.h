// Files as input: regular files only, every read complete or an Error, and a file that changes
// while it is in use is an Error instead of other numbers.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <string>

namespace qwench {

/// An open regular file. Directories, pipes, sockets and devices are refused by name. Thread-safe.
class File {
 public:
  explicit File(const std::string& path);
  File(File&& o) noexcept;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File();

  const std::string& path() const { return path_; }
  int64_t size() const { return stamp_.size; }
  int descriptor() const { return descriptor_; }

  /// Exactly `bytes` bytes from `offset`; Error when the file ends before.
  void read_at(int64_t offset, int64_t bytes, void* to) const;

  /// Error when size, modification time or identity differ from when the file was opened. A file
  /// renamed over or deleted is still the one that was opened, so both are fine.
  void check_unchanged() const;

 private:
  struct Stamp {
    int64_t size = 0, seconds = 0, nanoseconds = 0;
    uint64_t device = 0, inode = 0;
    bool operator==(const Stamp& o) const {
      return size == o.size && seconds == o.seconds && nanoseconds == o.nanoseconds &&
             device == o.device && inode == o.inode;
    }
  };
  Stamp stamp_now() const;

  std::string path_;
  int descriptor_ = -1;
  Stamp stamp_;
};

/// A whole file mapped for reading. Opt-in: where another process truncates the file between
/// check_unchanged() and the access, the kernel ends this process with SIGBUS; nothing in user
/// space closes that gap, so the default everywhere is File::read_at.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  const File& file() const { return file_; }
  /// The bytes [offset, offset + bytes), after check_unchanged(); Error past the end.
  const char* at(int64_t offset, int64_t bytes) const;

 private:
  File file_;
  char* data_ = nullptr;
};

/// The whole file as bytes; Error above max_bytes.
std::string read_file(const std::string& path, int64_t max_bytes);

/// One pread until `bytes` are there: continues after EINTR and short reads, Error on any other
/// failure and at the end of the file. `pread` is replaced by tests.
using Pread = ssize_t (*)(int descriptor, void* to, size_t bytes, off_t offset);
void pread_fully(int descriptor, int64_t offset, int64_t bytes, void* to, const std::string& path,
                 Pread pread);

/// Writes to a temporary file beside `path` and renames it into place when `close()` succeeds, so
/// that a full disk or an interrupt never leaves half a file under the real name. A link is written
/// through: the file that it leads to is replaced. What is no file (a device, a pipe) is written to as it is.
class FileWriter {
 public:
  explicit FileWriter(const std::string& path);
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;
  ~FileWriter();  // not closed: the temporary is removed

  void write(const void* from, int64_t bytes);
  void close();

 private:
  void open_temporary(const std::string& target);

  std::string path_, target_, temporary_;  // as given, without links, what is written to meanwhile
  int descriptor_ = -1;
};

/// Error unless a FileWriter could write `path` now: for whoever has hours of work to do first.
void require_writable(const std::string& path);

}  // namespace qwench
