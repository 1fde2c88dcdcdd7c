// The folder may be renamed between opening and locking it: it is held only if its name still leads to it.
#include "bench/support/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "engine/base/check.h"

namespace qwench::bench {

static bool leads_to(const std::string& name, int descriptor) {
  struct stat named {};
  struct stat opened {};
  return ::stat(name.c_str(), &named) == 0 && ::fstat(descriptor, &opened) == 0 &&
         named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

FolderLock::FolderLock(const std::string& folder) {
  descriptor_ = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor_ < 0) fail("{}: cannot be opened: {}", folder, std::strerror(errno));
  // A file system without locks is used without: two programs there are the user's to keep apart.
  const bool taken = ::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  if (!taken && leads_to(folder, descriptor_)) return;
  ::close(descriptor_);
  fail("{}: another program is working in it; wait for it, or choose another output", folder);
}

FolderLock::~FolderLock() { ::close(descriptor_); }

}  // namespace qwench::bench
