// A terminal with libedit. Text between the marks of a bracketed paste goes into the line as it is, so
// that its line ends send nothing.
#include "bench/chat/line_reader.h"

#if QWENCH_HAVE_LIBEDIT

#include <histedit.h>
#include <langinfo.h>
#include <unistd.h>

#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "bench/chat/history_file.h"

namespace qwench::bench {

namespace {

constexpr int kMostEntries = 1000;

class EditingReader : public LineReader {
 public:
  explicit EditingReader(const std::string& history_file)
      : edit_(el_init("qwench", stdin, stderr, stderr)), history_(history_init()) {
    if (!edit_ || !history_) return;
    HistEvent event;
    history(history_, &event, H_SETSIZE, kMostEntries);
    history(history_, &event, H_SETUNIQUE, 1);
    if (!history_file.empty()) file_ = HistoryFile::open(history_file);
    if (file_)
      for (const std::string& entry : file_->entries()) add(entry);
    el_set(edit_, EL_CLIENTDATA, this);
    el_set(edit_, EL_PROMPT, prompt_of);
    el_set(edit_, EL_EDITOR, "emacs");
    el_set(edit_, EL_SIGNAL, 1);
    el_set(edit_, EL_HIST, history, history_);
    bind_keys();
    el_source(edit_, nullptr);  // ~/.editrc
  }
  EditingReader(const EditingReader&) = delete;
  EditingReader& operator=(const EditingReader&) = delete;
  ~EditingReader() override {
    if (history_) history_end(history_);
    if (edit_) el_end(edit_);
  }

  bool works() const { return edit_ && history_; }

  LineEvent read(const std::string& prompt, std::string& line) override {
    prompt_ = prompt;
    discarded_ = false;
    line.clear();
    int bytes = 0;
    // libedit takes the terminal over only when it reads, after the prompt: what is typed at once would
    // be cut at 4095 bytes, and Ctrl-C a signal.
    el_set(edit_, EL_PREP_TERM, 1);
    std::fputs("\033[?2004h", stderr);  // pastes are marked from here on
    const char* got = el_gets(edit_, &bytes);
    std::fputs("\033[?2004l", stderr);
    if (discarded_) return std::fputs("^C\n", stderr), LineEvent::kDiscarded;
    if (!got || bytes <= 0) return std::fputs("\n", stderr), LineEvent::kEnd;
    line.assign(got, size_t(bytes));
    if (line.back() == '\n') line.pop_back();
    return LineEvent::kLine;
  }

  void remember(const std::string& message) override {
    add(message);
    if (file_) file_->append(message);
  }

 private:
  void add(const std::string& message) {
    HistEvent event;
    history(history_, &event, H_ENTER, message.c_str());
  }

  /// Signals are characters here, so that Ctrl-C discards the line and nothing else; "\r" stays "\r", so
  /// that "\r\n" can be told from two lines.
  void bind_keys() {
    char* const end = nullptr;
    el_set(edit_, EL_SETTY, "-d", "-isig", "-icrnl", "-inlcr", end);
    // The wide call: the other one copies the names and never frees them.
    el_wset(edit_, EL_ADDFN, L"qwench-discard", L"Discard the line", discard);
    el_wset(edit_, EL_ADDFN, L"qwench-suspend", L"Stop the program", suspend);
    el_wset(edit_, EL_ADDFN, L"qwench-paste", L"Insert what is pasted", paste);
    el_set(edit_, EL_BIND, "^C", "qwench-discard", end);
    el_set(edit_, EL_BIND, "^Z", "qwench-suspend", end);
    el_set(edit_, EL_BIND, "\033[200~", "qwench-paste", end);
  }

  static EditingReader& of(EditLine* edit) {
    void* self = nullptr;
    el_get(edit, EL_CLIENTDATA, &self);
    return *static_cast<EditingReader*>(self);
  }
  static char* prompt_of(EditLine* edit) { return of(edit).prompt_.data(); }

  static unsigned char discard(EditLine* edit, int) {
    of(edit).discarded_ = true;
    return CC_NEWLINE;
  }
  static unsigned char suspend(EditLine* edit, int) {
    el_set(edit, EL_PREP_TERM, 0);
    std::raise(SIGTSTP);
    el_set(edit, EL_PREP_TERM, 1);
    return CC_REDISPLAY;
  }
  /// Up to the mark that ends it; "\r\n" and "\r" become "\n".
  static unsigned char paste(EditLine* edit, int) {
    const std::wstring end = L"\033[201~";
    std::wstring text;
    for (wchar_t c; el_wgetc(edit, &c) == 1;) {
      text += c;
      if (c != L'~' || text.size() < end.size()) continue;
      if (text.compare(text.size() - end.size(), end.size(), end) != 0) continue;
      text.resize(text.size() - end.size());
      break;
    }
    std::wstring lines;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == L'\r' && i + 1 < text.size() && text[i + 1] == L'\n') continue;
      lines += text[i] == L'\r' ? L'\n' : text[i];
    }
    return lines.empty() || el_winsertstr(edit, lines.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
  }

  EditLine* edit_;
  History* history_;
  std::optional<HistoryFile> file_;
  std::string prompt_;
  bool discarded_ = false;
};

/// libedit reads characters as the locale says. UTF-8 also where the environment says "C".
bool has_utf8_locale() {
  for (const char* name : {"", "C.UTF-8", "en_US.UTF-8"})
    if (std::setlocale(LC_CTYPE, name) && std::strcmp(nl_langinfo(CODESET), "UTF-8") == 0)
      return true;
  return false;
}

}  // namespace

std::unique_ptr<LineReader> make_editing_reader(const std::string& history_file) {
  if (!has_utf8_locale()) return nullptr;
  auto reader = std::make_unique<EditingReader>(history_file);
  if (!reader->works()) return nullptr;
  return reader;
}

}  // namespace qwench::bench

#else

namespace qwench::bench {

std::unique_ptr<LineReader> make_editing_reader(const std::string&) { return nullptr; }

}  // namespace qwench::bench

#endif
