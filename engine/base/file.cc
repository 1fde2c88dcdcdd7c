// POSIX reading and writing: open, pread, mmap, write, rename, with every failure named.
#include "engine/base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <random>
#include <utility>

#include "engine/base/check.h"

namespace qwench {
namespace {

constexpr int64_t kMaxTransfer = 1 << 30;  // macOS refuses INT_MAX and more in one call

struct stat status_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) fail("{}: {}", path, std::strerror(errno));
  return status;
}

/// Before open(): opening a pipe would wait, opening a device may do something.
void expect_regular(const struct stat& status, const std::string& path) {
  const char* kind = S_ISREG(status.st_mode)    ? nullptr
                     : S_ISDIR(status.st_mode)  ? "a directory"
                     : S_ISFIFO(status.st_mode) ? "a pipe (FIFO)"
                     : S_ISSOCK(status.st_mode) ? "a socket"
                                                : "a device";
  if (kind) fail("{}: expected a regular file, got {}", path, kind);
}

}  // namespace

File::File(const std::string& path) : path_(path) {
  if (path.find('\0') != std::string::npos) fail("file name: expected no NUL, got one");
  expect_regular(status_of(path), path);
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) fail("{}: {}", path, std::strerror(errno));
  try {  // the name may have been replaced since stat(); the destructor does not run on a throw
         // here
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) fail("{}: {}", path, std::strerror(errno));
    expect_regular(status, path);
    stamp_ = stamp_now();
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

File::File(File&& o) noexcept
    : path_(std::move(o.path_)), descriptor_(std::exchange(o.descriptor_, -1)), stamp_(o.stamp_) {}

File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

File::Stamp File::stamp_now() const {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) fail("{}: {}", path_, std::strerror(errno));
#ifdef __APPLE__
  const timespec modified = status.st_mtimespec;
#else
  const timespec modified = status.st_mtim;
#endif
  return {int64_t(status.st_size), int64_t(modified.tv_sec), int64_t(modified.tv_nsec),
          uint64_t(status.st_dev), uint64_t(status.st_ino)};
}

void File::read_at(int64_t offset, int64_t bytes, void* to) const {
  pread_fully(descriptor_, offset, bytes, to, path_, ::pread);
}

void File::check_unchanged() const {
  const Stamp now = stamp_now();
  if (now.size != stamp_.size)
    fail(
        "{}: expected {} bytes as when it was opened, got {}: the file changed while in use; "
        "open it again when nothing writes to it",
        path_, stamp_.size, now.size);
  if (!(now == stamp_))
    fail("{}: the file was written to while in use; open it again when nothing writes to it",
         path_);
}

void pread_fully(int descriptor, int64_t offset, int64_t bytes, void* to, const std::string& path,
                 Pread pread) {
  for (int64_t done = 0; done < bytes;) {
    const auto want = size_t(std::min(bytes - done, kMaxTransfer));
    const ssize_t got =
        pread(descriptor, static_cast<char*>(to) + done, want, off_t(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("{}: reading byte {}: {}", path, offset + done, std::strerror(errno));
    if (got == 0)
      fail("{}: expected {} bytes at byte {}, got only {}: the file is truncated", path, bytes,
           offset, done);
    done += got;
  }
}

MappedFile::MappedFile(const std::string& path) : file_(path) {
  if (file_.size() == 0) return;  // mmap refuses length 0
  void* data = ::mmap(nullptr, size_t(file_.size()), PROT_READ, MAP_SHARED, file_.descriptor(), 0);
  if (data == MAP_FAILED)
    fail("{}: mapping {} bytes: {}", path, file_.size(), std::strerror(errno));
  data_ = static_cast<char*>(data);
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(data_, size_t(file_.size()));
}

const char* MappedFile::at(int64_t offset, int64_t bytes) const {
  if (offset < 0 || bytes < 0 || offset > file_.size() || bytes > file_.size() - offset)
    fail("{}: expected {} bytes at byte {}, got a file of {} bytes", file_.path(), bytes, offset,
         file_.size());
  file_.check_unchanged();
  return data_ + offset;
}

std::string read_file(const std::string& path, int64_t max_bytes) {
  const File file(path);
  if (file.size() > max_bytes)
    fail("{}: expected at most {} bytes, got {}", path, max_bytes, file.size());
  std::string bytes(size_t(file.size()), '\0');
  file.read_at(0, file.size(), bytes.data());
  file.check_unchanged();
  return bytes;
}

namespace {

/// A rename would put a file in the place of the device; /dev/stdout may lead to a regular file.
bool is_written_in_place(const std::string& path, const struct stat& status) {
  return !S_ISREG(status.st_mode) || path.rfind("/dev/", 0) == 0 || path.rfind("/proc/", 0) == 0;
}

/// The file at the end of a link; the path itself where it is none.
std::string without_links(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_symlink(path, error)) return path;
  const std::filesystem::path target = std::filesystem::canonical(path, error);
  if (error)
    fail("{}: a link that leads to no file ({}); give the file itself, or remove the link", path,
         error.message());
  return target.string();
}

}  // namespace

FileWriter::FileWriter(const std::string& path) : path_(path) {
  if (path.empty()) fail("output: expected the name of a file, got nothing");
  struct stat status {};
  const bool there = ::stat(path.c_str(), &status) == 0;
  if (there && S_ISDIR(status.st_mode)) fail("{}: expected a file to write, got a folder", path);
  if (there && is_written_in_place(path, status)) {
    // A pipe that nobody reads would keep open() waiting, whatever signal comes.
    descriptor_ = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor_ < 0 && errno == ENXIO)
      fail("{}: expected somebody who reads this pipe, got nobody; start the reader first", path);
    if (descriptor_ < 0) fail("{}: cannot be opened: {}", path, std::strerror(errno));
    ::fcntl(descriptor_, F_SETFL, ::fcntl(descriptor_, F_GETFL) & ~O_NONBLOCK);
    return;
  }
  if (there && ::access(path.c_str(), W_OK) != 0)
    fail("{}: cannot be written: {}", path, std::strerror(errno));
  target_ = without_links(path);
  open_temporary(target_);
  if (there) ::fchmod(descriptor_, status.st_mode & 07777);  // who may read it stays as it was
}

/// A name that nobody can foresee and a file that nobody else made: in a folder that others may write to, a
/// link of theirs would lead the bytes elsewhere.
void FileWriter::open_temporary(const std::string& target) {
  std::random_device random;
  constexpr int kAttempts = 8;
  for (int attempt = 0; attempt < kAttempts && descriptor_ < 0; ++attempt) {
    const std::string name =
        fmt::format("{}.part-{:08x}{:08x}", target, random() & 0xffffffffu, random() & 0xffffffffu);
    descriptor_ = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (descriptor_ >= 0) temporary_ = name;
    if (descriptor_ < 0 && errno != EEXIST) break;
  }
  if (descriptor_ >= 0) return;
  const int error = errno;
  std::error_code ignored;
  const std::string folder = std::filesystem::path(target).parent_path().string();
  if (!folder.empty() && !std::filesystem::is_directory(folder, ignored))
    fail("{}: cannot be created: there is no folder {}; make it, or choose another name", path_,
         folder);
  fail("{}: cannot be created: {}", path_, std::strerror(error));
}

FileWriter::~FileWriter() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void FileWriter::write(const void* from, int64_t bytes) {
  for (int64_t done = 0; done < bytes;) {
    const auto want = size_t(std::min(bytes - done, kMaxTransfer));
    const ssize_t put = ::write(descriptor_, static_cast<const char*>(from) + done, want);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail("{}: writing: {}", path_, std::strerror(errno));
    done += put;
  }
}

void FileWriter::close() {
  if (::close(std::exchange(descriptor_, -1)) != 0)  // a full disk may show only here
    fail("{}: writing: {}", path_, std::strerror(errno));
  if (temporary_.empty()) return;
  if (::rename(temporary_.c_str(), target_.c_str()) != 0)
    fail("{}: cannot be renamed to {}: {}", temporary_, target_, std::strerror(errno));
  temporary_.clear();
}

void require_writable(const std::string& path) {
  struct stat status {};
  const bool there = ::stat(path.c_str(), &status) == 0;
  // Opening a pipe and closing it again would end what its reader waits for.
  if (!there || S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) {
    const FileWriter tried(path);
  } else if (::access(path.c_str(), W_OK) != 0) {
    fail("{}: cannot be written: {}", path, std::strerror(errno));
  }
}

}  // namespace qwench
