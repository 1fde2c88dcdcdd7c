// Files that grow by a line of JSON a result: the history of `monitor`, the suites.jsonl of a run of
// suites, the --samples of `bench`. Each becomes the documents that its command would have written.
#pragma once
#include <string>
#include <vector>

#include "bench/report/documents.h"

namespace qwench::bench::report {

/// True where the first line alone is a line of such a file.
bool is_history(const std::string& bytes);

/// Its documents: one, or one for each set of options. Lines that are of no use, such as the last one
/// of a program that was killed, are counted in notes. Of a case or a suite that is there twice the
/// later counts. Contract: is_history(bytes).
std::vector<Document> read_history(const std::string& bytes, const std::string& file);

}  // namespace qwench::bench::report
