// An item with one ending: LikelihoodTask marks it by whether every token is the arg max.
#include "bench/tasks/retrieval.h"

#include <limits>

#include "bench/tasks/task_file.h"
#include "bench/text_metrics/python_text.h"

namespace qwench::bench {

std::vector<LikelihoodItem> read_retrieval(const std::string& path, int64_t limit) {
  std::vector<LikelihoodItem> items;
  for (const JsonLine& line : read_json_lines(path)) {
    LikelihoodItem item;
    item.where = line.where;
    item.context = read_text(line.value, "context", item.where) +
                   read_string(line.value, "question", item.where);
    const std::string answer = read_text(line.value, "answer", item.where);
    item.endings = {{answer, python_length(answer)}};
    if (has(line.value, "length"))
      item.group = std::to_string(
          read_int(line.value, "length", 0, std::numeric_limits<int64_t>::max(), item.where));
    items.push_back(std::move(item));
  }
  if (limit > 0 && limit < int64_t(items.size())) items.resize(size_t(limit));
  return items;
}

}  // namespace qwench::bench
