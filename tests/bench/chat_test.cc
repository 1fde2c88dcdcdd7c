// `qwench chat`: what counts as a command and as a message, and the program on a terminal.
#include <filesystem>

#include "bench/chat/commands.h"
#include "bench/chat/history_file.h"
#include "bench/chat/line_reader.h"
#include "engine/base/json.h"
#include "tests/bench/terminal_session.h"

using namespace qwench::bench;
using namespace qwench::test;

namespace {

const std::string kTiny = QWENCH_SOURCE_DIR "/models/qwench-tiny";

/// Lines that were typed before; "^C" discards.
class Typed : public LineReader {
 public:
  explicit Typed(std::vector<std::string> lines) : lines_(std::move(lines)) {}
  LineEvent read(const std::string& prompt, std::string& line) override {
    prompts += prompt;
    if (next_ == lines_.size()) return LineEvent::kEnd;
    line = lines_[next_++];
    return line == "^C" ? LineEvent::kDiscarded : LineEvent::kLine;
  }
  std::string prompts;

 private:
  std::vector<std::string> lines_;
  size_t next_ = 0;
};

/// The messages of a conversation, "!" before those of several lines.
std::vector<std::string> messages_of(std::vector<std::string> lines) {
  Typed reader(std::move(lines));
  std::vector<std::string> messages;
  std::string message;
  for (bool several = false;;) {
    const LineEvent event = read_message(reader, message, several);
    if (event == LineEvent::kEnd) return messages;
    messages.push_back(event == LineEvent::kDiscarded ? "^C" : (several ? "!" : "") + message);
  }
}

Outcome chat(const std::string& input, const std::vector<std::string>& options = {},
             const std::string& model = kTiny) {
  std::vector<std::string> words = {"chat", "-m", model, "--greedy", "-t", "1"};
  words.insert(words.end(), options.begin(), options.end());
  return run_with_input(words, input);
}

size_t count(const std::string& text, const std::string& what) {
  size_t n = 0;
  for (size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++n;
  return n;
}

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("a command is found whatever white space stands around it and between its words") {
  for (const char* line : {"/exit", " /exit", "/exit \t", "\t/exit\r"}) {
    const ParsedLine parsed = parse_line(line);
    REQUIRE(parsed.order);
    CHECK(parsed.order->command == ChatCommand::kExit);
  }
  for (const char* line : {"/think on", "  /think   on "}) {
    const ParsedLine parsed = parse_line(line);
    REQUIRE(parsed.order);
    CHECK(parsed.order->command == ChatCommand::kThink);
    CHECK(parsed.order->on);
  }
  CHECK_FALSE(parse_line("/stats off").order->on);
}

TEST_CASE("a command that there is not is refused with the list, and is no message") {
  for (const char* line :
       {"/quit", "/x", "/", "/EXIT", "/exit now", "/think", "/think maybe", "/stats on off"}) {
    CAPTURE(line);
    const ParsedLine parsed = parse_line(line);
    CHECK_FALSE(parsed.order);
    CHECK(parsed.text.empty());
    CHECK(!parsed.refusal.empty());
  }
  CHECK(parse_line("/x").refusal.find("/help, /clear, /think on|off, /stats on|off, /exit") !=
        std::string::npos);
  CHECK(parse_line("/claer").refusal.find("did you mean /clear?") != std::string::npos);
  CHECK(parse_line("/think").refusal.find("expected /think on|off") != std::string::npos);
  for (const char* command : {"/help", "/clear", "/think", "/stats", "/exit", "\"\"\"", "//"})
    CHECK(chat_help().find(command) != std::string::npos);
}

TEST_CASE("anything else is a message as it is; // begins one with a slash") {
  CHECK(parse_line("hello /exit").text == "hello /exit");
  CHECK(parse_line("  indented").text == "  indented");
  CHECK(parse_line("//exit").text == "/exit");
  CHECK(parse_line("").text.empty());
  CHECK(parse_line("").refusal.empty());
}

TEST_CASE("a backslash at the end and three quotes make messages of several lines") {
  CHECK(messages_of({"a", "b"}) == Words{"a", "b"});
  CHECK(messages_of({"a\\", "b\\", "", "c"}) == Words{"!a\nb\n", "c"});
  CHECK(messages_of({"\"\"\"", "a", "", "  b", "\"\"\"", "c"}) == Words{"!a\n\n  b", "c"});
  CHECK(messages_of({"\"\"\"a", "b\"\"\""}) == Words{"!a\nb"});
  CHECK(messages_of({"\"\"\"one line\"\"\""}) == Words{"!one line"});
  CHECK(messages_of({"\"\"\"\"\"\""}) == Words{"!"});
  CHECK(messages_of({"\"\"\"", "/exit", "\"\"\""}) == Words{"!/exit"});
}

TEST_CASE(
    "input that ends inside a message ends the message; Ctrl-C discards what was typed of it") {
  CHECK(messages_of({"a\\"}) == Words{"!a\n"});
  CHECK(messages_of({"\"\"\"", "a"}) == Words{"!a"});
  CHECK(messages_of({"a\\", "^C", "b"}) == Words{"^C", "b"});
  CHECK(messages_of({"\"\"\"", "a", "^C", "b"}) == Words{"^C", "b"});
  CHECK(messages_of({"^C", "b"}) == Words{"^C", "b"});
}

TEST_CASE("what is pasted is one message as it is, backslashes, quotes and slashes included") {
  CHECK(messages_of({"/* a */\nint b; \\", "c"}) == Words{"!/* a */\nint b; \\", "c"});
  CHECK(messages_of({"\"\"\"doc\nstring"}) == Words{"!\"\"\"doc\nstring"});
  Typed reader({"a\\", "b"});
  std::string message;
  bool several = false;
  read_message(reader, message, several);
  CHECK(reader.prompts == "> ... ");
}

TEST_CASE("lines that end in CR LF are the lines that end in LF, commands included") {
  if (!available()) return;
  const std::string lf =
      "Where does Tobes live?\n/clear\nWhat is the pet of Makal?\n/exit\nHello!\n";
  std::string crlf = "\xEF\xBB\xBF";
  for (const char c : lf) crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
  const Outcome a = chat(lf), b = chat(crlf);
  REQUIRE_MESSAGE(a.code == 0, a.err);
  CHECK(b.code == 0);
  CHECK(b.out == a.out);
  CHECK(count(a.out, "\n") == 2);
  for (const Outcome& o : {a, b}) {
    CHECK(o.err.find("13 prompt tokens") != std::string::npos);
    CHECK(o.err.find("15 prompt tokens") != std::string::npos);
    CHECK(count(o.err, "prompt tokens") == 2);
  }
}

TEST_CASE("an answer ends at the end of its turn, whatever the model's files say ends a text") {
  if (!available()) return;
  const ScratchFolder folder;
  for (const char* name : {"model.safetensors", "tokenizer.json", "tokenizer_config.json"})
    std::filesystem::copy_file(kTiny + "/" + name, folder.file(name));
  qwench::Json config = qwench::parse_json_file(kTiny + "/config.json");
  const Outcome right = chat("Where does Tobes live?\n");
  for (const qwench::Json& eos : {qwench::Json(), qwench::Json(1533)}) {
    config["eos_token_id"] = eos;
    folder.write("config.json", config.dump());
    const Outcome o = chat("Where does Tobes live?\n", {"-n", "40"}, folder.path());
    CHECK(o.code == 0);
    CHECK(o.out == right.out);
    CHECK(o.err.find("note: the answer was cut") == std::string::npos);
  }
  CHECK(right.out == "Tobes lives in Bormouth.\n");
  CHECK(
      chat("Where does Tobes live?\n", {"-n", "12", "--ignore-eos"}).err.find("cut at 12 tokens") !=
      std::string::npos);
}

TEST_CASE("an answer that is cut says by what: -n, the context, or a stop that was asked for") {
  if (!available()) return;
  const std::string question = "Where does Tobes live?\n";
  const auto err = [&](std::vector<std::string> options) { return chat(question, options).err; };
  CHECK(err({"-n", "3"}).find("cut at 3 tokens; -n allows more") != std::string::npos);
  CHECK(err({"--ctx", "16"}).find("the context of 16 tokens is full") != std::string::npos);
  CHECK(err({"--ctx", "4"}).find("/clear starts anew") != std::string::npos);
  const Outcome stopped = chat(question, {"--stop", "in Bor"});
  CHECK(stopped.out == "Tobes lives \n");
  CHECK(stopped.err.find("cut") == std::string::npos);
}

TEST_CASE("/stats off ends the figures, /think is refused where there is no such switch") {
  if (!available()) return;
  const std::string question = "Where does Tobes live?\n";
  const Outcome o =
      chat("/stats off\n" + question + "/stats on\n" + question + "/think on\n/wat\n");
  CHECK(count(o.err, "prompt tokens") == 1);
  CHECK(o.err.find("has no such switch") != std::string::npos);
  CHECK(o.err.find("no command '/wat'") != std::string::npos);
  CHECK(count(chat(question, {"--stats", "off"}).err, "prompt tokens") == 0);
  CHECK(chat(question, {"--thinking", "on"}).code == 2);
}

TEST_CASE("on a terminal a line may have any length, and a paste with line ends is one message") {
  if (!available()) return;
  const Outcome block = chat("\"\"\"\n/exit\nTobes\n\"\"\"\n");
  const int paste = std::atoi(block.err.substr(block.err.find("leaves\n") + 7).c_str());
  CHECK(paste > 10);
  for (const char* terminal : {"xterm", "dumb"}) {
    CAPTURE(terminal);
    const ScratchFolder home;
    TerminalSession session(
        {"chat", "-m", kTiny, "--greedy", "-t", "1", "-n", "1", "--ctx", "2000"},
        {std::string("TERM=") + terminal, "XDG_STATE_HOME=" + home.path()});
    REQUIRE(session.shows("/help lists"));
    REQUIRE(session.shows("> "));
    const std::string word = "Tobes ";
    std::string line;
    while (line.size() < 6000) line += word;
    session.type(line + "\r");
    CHECK(session.shows("1009 prompt tokens"));  // three a word, and the turn around them
    if (std::string(terminal) == "xterm") {
      session.type("/clear\r");
      session.type("\x1b[200~/exit\r\nTobes\x1b[201~\r");
      CHECK(session.shows(fmt::format("{} prompt tokens", paste)));
    }
    session.type("/exit\r");
    CHECK(session.finish() == 0);
    CHECK(std::filesystem::exists(home.file("qwench/chat_history")) ==
          (std::string(terminal) == "xterm"));
  }
}

TEST_CASE("Ctrl-C stops an answer or discards a line, Ctrl-D leaves") {
  if (!available()) return;
  for (const char* terminal : {"xterm", "dumb"}) {
    CAPTURE(terminal);
    TerminalSession session(
        {"chat", "-m", kTiny, "--greedy", "-t", "1", "-n", "1900", "--ignore-eos", "--no-history"},
        {std::string("TERM=") + terminal});
    REQUIRE(session.shows("> "));
    session.type("not sent\x03");
    REQUIRE(session.shows("^C"));
    REQUIRE(session.shows("> "));
    session.type("Where does Tobes live?\r");
    REQUIRE(session.shows("Bormouth"));
    session.type("\x03");
    CHECK(session.shows("note: stopped"));
    REQUIRE(session.shows("> "));
    session.type("\x04");
    CHECK(session.finish() == 0);
  }
}

TEST_CASE("the history comes back in the next conversation and is for its owner alone") {
  const ScratchFolder home;
  const std::string path = home.file("state/qwench/chat_history");
  {
    std::optional<HistoryFile> file = HistoryFile::open(path);
    REQUIRE(file);
    file->append("one");
    file->append("two\nlines");
    file->append("two\nlines");
    file->append(std::string(70000, 'x'));
  }
  CHECK(HistoryFile::open(path)->entries() == Words{"one", "two\nlines"});
  const auto mode = std::filesystem::status(path).permissions();
  CHECK((mode & std::filesystem::perms(0077)) == std::filesystem::perms::none);
  std::string many;
  for (int i = 0; i < 5000; ++i) many += fmt::format("\"{}\"\n", i);
  std::filesystem::remove(path);
  home.write("state/qwench/chat_history", many);
  CHECK(HistoryFile::open(path)->entries().size() == 1000);
  CHECK(HistoryFile::open(path)->entries().back() == "4999");
  CHECK(qwench::read_file(path, 1 << 20).size() < 10000);
  CHECK_FALSE(HistoryFile::open(home.file("state") + "/qwench/chat_history/x"));
}

TEST_CASE("the history is in the state folder that XDG names, and nowhere without a home") {
  const char* home = std::getenv("HOME");
  const std::string before = home ? home : "";
  setenv("XDG_STATE_HOME", "/s", 1);
  CHECK(default_history_file() == "/s/qwench/chat_history");
  setenv("XDG_STATE_HOME", "relative", 1);
  setenv("HOME", "/h", 1);
  CHECK(default_history_file() == "/h/.local/state/qwench/chat_history");
  unsetenv("XDG_STATE_HOME");
  unsetenv("HOME");
  CHECK(default_history_file().empty());
  if (home) setenv("HOME", before.c_str(), 1);
}
