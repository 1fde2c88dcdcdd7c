// open() takes the lowest free number.
#include "bench/support/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>

namespace qwench::bench {

void open_standard_streams() {
  std::signal(SIGXFSZ,
              SIG_IGN);  // a file beyond its limit is an error of write(), as a full disk is
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream)
    if (::fcntl(stream, F_GETFD) == -1 && ::open("/dev/null", O_RDWR) != stream) _exit(1);
}

}  // namespace qwench::bench
