// From result files to the report that all writers write.
#pragma once
#include "bench/report/documents.h"
#include "bench/report/limits.h"
#include "bench/report/tables.h"

namespace qwench::bench::report {

/// Error naming file and key on a result that cannot be read.
Report build_report(std::vector<Document> documents, const std::vector<Limit>& limits,
                    const std::string& title);

}  // namespace qwench::bench::report
