// Plain stdio: what is printed is complete when the call returns, also into a pipe.
#include "bench/support/output.h"

#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>

#include "bench/support/visible.h"
#include "engine/base/check.h"
#include "engine/base/file.h"

namespace qwench::bench {

void print(std::string_view text) {
  const std::string shown = for_descriptor(STDOUT_FILENO, text);
  const size_t written = std::fwrite(shown.data(), 1, shown.size(), stdout);
  if (written != shown.size() || std::fflush(stdout) != 0)
    fail("stdout: expected to write {} bytes, got an error (closed pipe or full disk)",
         shown.size());
}

void note(std::string_view text) {
  const std::string line = for_descriptor(STDERR_FILENO, text) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fflush(stderr);
}

std::string to_text(const OrderedJson& document) {
  return document.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

std::string to_line(const OrderedJson& document) {
  return document.dump(-1, ' ', true, OrderedJson::error_handler_t::replace) + "\n";
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

void write_text_file(const std::string& path, std::string_view text) {
  FileWriter file(path);
  file.write(text.data(), int64_t(text.size()));
  file.close();
}

OrderedJson number_or_null(double value, bool known) {
  return known ? OrderedJson(value) : OrderedJson(nullptr);
}

OrderedJson text_or_null(const std::string& text) {
  return text.empty() ? OrderedJson(nullptr) : OrderedJson(text);
}

OrderedJson finite_or_null(double value) { return number_or_null(value, std::isfinite(value)); }

Progress::Progress() : terminal_(isatty(STDERR_FILENO) == 1) {}
Progress::~Progress() { erase(); }

void Progress::erase() {
  if (shown_) std::fprintf(stderr, "\r%*s\r", int(shown_), "");
  shown_ = 0;
}

void Progress::show(std::string_view text) {
  const int64_t now = now_ns();
  if (!terminal_ || (shown_ && now - last_ns_ < 100'000'000)) return;
  erase();
  const std::string shown = visible(text);
  last_ns_ = now, shown_ = shown.size();
  std::fwrite(shown.data(), 1, shown.size(), stderr);
  std::fflush(stderr);
}

void Progress::done(std::string_view text) {
  erase();
  note(text);
}

int64_t now_ns() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

}  // namespace qwench::bench
