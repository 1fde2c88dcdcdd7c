// A reader that walks the text once and counts lines as it goes.
#include "bench/support/csv.h"

#include <algorithm>

#include "engine/base/check.h"
#include "engine/base/json.h"

namespace qwench::bench {

namespace {

class CsvReader {
 public:
  CsvReader(std::string_view text, const std::string& path) : text_(text), path_(path) {}

  std::vector<CsvRow> rows() {
    std::vector<CsvRow> rows;
    while (at_ < text_.size()) {
      if (skip_line_break()) continue;
      CsvRow row;
      row.line = line_;
      do row.cells.push_back(cell());
      while (skip_comma());
      skip_line_break();
      rows.push_back(std::move(row));
    }
    return rows;
  }

 private:
  bool at_end_of_row() const {
    return at_ == text_.size() || text_[at_] == '\n' || text_.substr(at_, 2) == "\r\n";
  }
  bool skip_comma() {
    if (at_ == text_.size() || text_[at_] != ',') return false;
    ++at_;
    return true;
  }
  bool skip_line_break() {
    if (at_ == text_.size() || !at_end_of_row()) return false;
    at_ += text_[at_] == '\r' ? 2 : 1;
    ++line_;
    return true;
  }

  std::string cell() {
    if (at_ < text_.size() && text_[at_] == '"') return quoted_cell();
    std::string value;
    while (!at_end_of_row() && text_[at_] != ',') value += text_[at_++];
    return value;
  }

  std::string quoted_cell() {
    const int64_t opened = line_;
    std::string value;
    for (++at_;; ++at_) {
      const size_t end = std::min(text_.find('"', at_), text_.size());
      value += text_.substr(at_, end - at_);
      line_ += std::count(text_.begin() + std::ptrdiff_t(at_), text_.begin() + std::ptrdiff_t(end),
                          '\n');
      at_ = end;
      if (at_ == text_.size())
        fail(
            "{}:{}: expected a closing quote for the cell that begins here, got the end of the "
            "file; a quote inside a quoted cell is written twice",
            path_, opened);
      ++at_;
      if (text_.substr(at_, 1) != "\"") break;
      value += '"';
    }
    if (!at_end_of_row() && text_[at_] != ',')
      fail(
          "{}:{}: expected a comma or the end of the line after a closing quote, got {}; a quote "
          "inside a quoted cell is written twice",
          path_, line_, in_quotes(text_.substr(at_, 1)));
    return value;
  }

  std::string_view text_;
  const std::string& path_;
  size_t at_ = 0;
  int64_t line_ = 1;
};

}  // namespace

std::vector<CsvRow> parse_csv(std::string_view text, const std::string& path) {
  return CsvReader(text, path).rows();
}

}  // namespace qwench::bench
