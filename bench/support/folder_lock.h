// One program at a time works in a folder. The lock ends with its holder, however that ends.
#pragma once
#include <string>

namespace qwench::bench {

class FolderLock {
 public:
  /// Error when another program holds the folder, or when there is none to hold.
  explicit FolderLock(const std::string& folder);
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock();

 private:
  int descriptor_ = -1;
};

}  // namespace qwench::bench
