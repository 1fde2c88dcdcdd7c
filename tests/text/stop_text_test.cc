// A text that ends an answer ends it at the same place however the answer is cut into parts.
#include "engine/text/stop_text.h"

#include "tests/text/support.h"

using namespace qwench;

namespace {

struct Seen {
  std::string text;
  bool found;
};

Seen feed(const std::vector<std::string>& stops, const std::vector<std::string>& parts) {
  StopText stop(stops);
  std::string text;
  for (const std::string& part : parts) text += stop.push(part);
  text += stop.finish();
  return {text, stop.found()};
}

}  // namespace

TEST_CASE("the text before the first stop is handed out, in whatever parts it comes") {
  const std::string text = "one\n\nUsers: two\nUser: three";
  const std::vector<std::string> stops = {"User:", "three"};
  const std::string expected = "one\n\nUsers: two\n";
  for (size_t a = 0; a <= text.size(); ++a)
    for (size_t b = a; b <= text.size(); ++b) {
      const Seen seen = feed(stops, {text.substr(0, a), text.substr(a, b - a), text.substr(b)});
      CHECK(seen.found);
      CHECK(seen.text == expected);
    }
}

TEST_CASE("without a stop the whole text is handed out, its false beginnings too") {
  for (const char* text : {"", "aab", "ab ab a", "Use", "xxUser"}) {
    const Seen seen = feed({"abc", "User:"}, {text});
    CHECK_FALSE(seen.found);
    CHECK(seen.text == text);
  }
  CHECK(feed({}, {"a", "b"}).text == "ab");
}

TEST_CASE("a beginning of a stop is held back, and no more") {
  StopText stop({"abab!"});
  CHECK(stop.push("xab") == "x");
  CHECK(stop.push("a") == "");
  CHECK(stop.push("ba") == "ab");  // "aba" may still become "abab!"
  CHECK(stop.push("b!tail") == "");
  CHECK(stop.found());
  CHECK(stop.push("more") == "");
  CHECK(stop.finish() == "");
}
