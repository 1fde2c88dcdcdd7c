// Small text files of the kernel below one root, which tests replace by a folder of their own. What
// cannot be read, or is not what it should be, is a reason and never a value.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace qwench::bench {

struct SysfsText {
  std::optional<std::string> text;  // without blanks and line breaks at its ends
  int error = 0;                    // errno where there is no text
  std::string problem;              // "/sys/...: Permission denied"; "" where there is one
};

struct SysfsNumber {
  std::optional<int64_t> value;
  int error = 0;
  std::string problem;
};

class Sysfs {
 public:
  explicit Sysfs(std::string root = "/sys") : root_(std::move(root)) {}
  virtual ~Sysfs() = default;
  Sysfs(const Sysfs&) = default;
  Sysfs& operator=(const Sysfs&) = delete;

  std::string full(const std::string& path) const { return root_ + "/" + path; }

  /// `path` is relative to the root. At most 4 KiB are read: files here hold one line.
  SysfsText text(const std::string& path) const;
  /// A decimal integer and nothing else.
  SysfsNumber number(const std::string& path) const;
  /// Names in a folder, sorted; none where there is no such folder.
  std::vector<std::string> list(const std::string& path) const;

 protected:
  /// 0, or errno.
  virtual int read(const std::string& full_path, std::string& to) const;

 private:
  std::string root_;
};

}  // namespace qwench::bench
