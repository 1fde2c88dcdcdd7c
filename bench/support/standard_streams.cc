// open() takes the lowest free number.
#include "bench/support/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

namespace qwench::bench {

void open_standard_streams() {
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream)
    if (::fcntl(stream, F_GETFD) == -1 && ::open("/dev/null", O_RDWR) != stream) _exit(1);
}

}  // namespace qwench::bench
