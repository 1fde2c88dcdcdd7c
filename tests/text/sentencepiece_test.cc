// sentencepiece models: ids as its own program gives them, and broken models refused before the
// library reads them. The model is trained here, by spm_train.
#include "engine/text/load_tokenizer.h"
#include "engine/text/sentencepiece_model.h"
#include "tests/text/support.h"

namespace qwench::text_test {
namespace {

int run(const std::string& command) { return std::system((command + " 2>/dev/null").c_str()); }

/// Trains a small model in the folder; its path, or "" (said aloud) where that cannot be done.
std::string train(const ScratchFolder& folder, const std::string& options) {
  if (run("command -v spm_train spm_encode >/dev/null") != 0) {
    MESSAGE("skipped: no spm_train (Debian package sentencepiece)");
    return "";
  }
  std::string text;
  for (const Json& row : read_jsonl(data("tokenizer/small-ids.jsonl"))) {
    for (const char c : row["text"].get<std::string>())
      text += c == '\0' || c == '\n' || c == '\r' ? ' ' : c;
    text += "\nthe quick brown fox jumps over the lazy dog\n";
  }
  const std::string corpus = folder.write("corpus.txt", text);
  const std::string command =
      "spm_train --input=" + corpus + " --model_prefix=" + folder.path() +
      "/tokenizer --vocab_size=500 --hard_vocab_limit=false --byte_fallback=true " +
      "--control_symbols='<|im_start|>' " + options;
  REQUIRE(run(command) == 0);
  return folder.path() + "/tokenizer.model";
}

std::vector<int32_t> spm_encode(const ScratchFolder& folder, const std::string& model,
                                const std::string& text) {
  const std::string in = folder.write("in.txt", text + "\n"), out = folder.path() + "/out.txt";
  REQUIRE(run("spm_encode --model=" + model + " --output_format=id < " + in + " > " + out) == 0);
  std::ifstream numbers(out);
  std::vector<int32_t> ids;
  for (int32_t id; numbers >> id;) ids.push_back(id);
  return ids;
}

std::string field(int number, const std::string& bytes) {
  std::string out(1, char(number << 3 | 2));
  for (size_t n = bytes.size();; n >>= 7) {
    out += char((n & 0x7F) | (n >= 0x80 ? 0x80 : 0));
    if (n < 0x80) break;
  }
  return out + bytes;
}

std::string piece(const std::string& text, int kind) {
  return field(1, field(1, text) + "\x18" + char(kind));
}

std::string charsmap(const std::string& bytes) {
  return piece("<unk>", 2) + field(3, field(2, bytes));
}

void check(const std::string& bytes) { check_sentencepiece_model(bytes, "test"); }

TEST_CASE("a sentencepiece model gives the ids of spm_encode") {
#if !QWENCH_HAVE_SENTENCEPIECE
  CHECK_ERROR(open_tokenizer("x.model"), "libsentencepiece-dev");
  MESSAGE("skipped: this build has no sentencepiece");
#else
  for (const char* kind : {"--model_type=bpe", "--model_type=unigram"}) {
    const ScratchFolder folder;
    const std::string model = train(folder, kind);
    if (model.empty()) return;
    const auto tokenizer = open_tokenizer(folder.path());
    for (const char* text :
         {"the quick brown fox", "Hello,  world! 123", "\xE4\xB8\xAD\xE6\x96\x87 caf\xC3\xA9",
          "\xF0\x9F\x91\x8D\xF0\x9F\x8F\xBD \xEF\xAC\x81", "don't stop"}) {
      CAPTURE(text);
      CHECK(tokenizer->encode(text) == spm_encode(folder, model, text));
    }
    CHECK(tokenizer->decode(tokenizer->encode("the quick fox"), true) == " the quick fox");
    const int32_t start = tokenizer->find("<|im_start|>").value();
    CHECK(tokenizer->is_special(start));
    CHECK(tokenizer->encode("<|im_start|>")[0] == start);
    CHECK(tokenizer->encode("\xFFx\n", true).size() > 0);
    CHECK_ERROR(tokenizer->token_bytes(tokenizer->size()), "token id");
    CHECK_ERROR(tokenizer->token_bytes(-1), "token id");
  }
#endif
}

TEST_CASE("a trained model cut off or with any byte changed never reaches the library unchecked") {
  const ScratchFolder folder;
  const std::string path = train(folder, "--model_type=bpe");
  if (path.empty()) return;
  const std::string model = read_file(path, 64 << 20);
  CHECK_NOTHROW(check(model));
  for (size_t size = 0; size < model.size(); size += model.size() / 50 + 1)
    error_of([&] { check(model.substr(0, size)); });  // an Error or, at a boundary, fewer pieces
  for (size_t at = 0; at < model.size(); at += model.size() / 200 + 1) {
    std::string changed = model;
    changed[at] = char(changed[at] ^ 0x80);
    error_of([&] { check(changed); });
  }
}

TEST_CASE("a sentencepiece model is checked before the library sees it") {
  CHECK_NOTHROW(check(piece("<unk>", 2) + piece("a", 1)));
  CHECK_ERROR(check(""), "expected one unknown piece, got 0");
  CHECK_ERROR(check("\x0A\x7F"
                    "abc"),
              "field of 127 bytes with 3 left");
  CHECK_ERROR(check("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F"), "with 0 left");
  CHECK_ERROR(check(std::string(12, '\xFF')), "10 bytes");
  CHECK_ERROR(check("\x0B"), "wire type 3");
  CHECK_ERROR(check(piece("<unk>", 2) + piece(std::string(1025, 'x'), 1)), "got 1025 bytes");
  CHECK_ERROR(check(piece("<unk>", 2) + piece("", 1)), "got 0 bytes");
  CHECK_ERROR(check(piece("<unk>", 2) + piece("\xFF", 1)), "of UTF-8");
  CHECK_ERROR(check(piece("<unk>", 2) + piece("a", 7)), "type from 1 to 6, got 7");
  CHECK_ERROR(check(piece("<unk>", 2) + piece("a", 1) + piece("a", 1)), "there twice");
  CHECK_ERROR(check(piece("<unk>", 2) + piece("<u>", 2)), "got 2 in 2 pieces");
  CHECK_ERROR(
      check(piece("<unk>", 2) + field(1, field(1, "a") + std::string("\x15\0\0\xC0\x7F", 5))),
      "not finite");
}

TEST_CASE("offsets of the normaliser's trie must stay inside it") {
  const auto trie = [](uint32_t unit) {
    std::string out("\0\4\0\0", 4);  // 1024 bytes = 256 units
    for (int shift = 0; shift < 32; shift += 8) out += char(unit >> shift & 0xFF);
    return out + std::string(1020, '\0') + std::string("x\0", 2);
  };
  CHECK_NOTHROW(check(charsmap(trie(0))));
  CHECK_ERROR(check(charsmap(trie(1u << 18))), "leads out of the trie");
  CHECK_ERROR(check(charsmap("\xFF\xFF\xFF\x7F")), "impossible trie size");
  CHECK_ERROR(check(charsmap("\1")), "cut off");
  CHECK_ERROR(check(charsmap(std::string("\0\4\0\0", 4) + std::string(1024, '\0') + "x")),
              "do not end");
}

}  // namespace
}  // namespace qwench::text_test
