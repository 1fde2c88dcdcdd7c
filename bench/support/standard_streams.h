// Standard input, output and error always exist: a file opened while one of them is closed would get its
// number, and with it every note meant for a person.
#pragma once

namespace qwench::bench {

/// Opens /dev/null in the place of those that the caller has closed. Before anything else is opened.
void open_standard_streams();

}  // namespace qwench::bench
