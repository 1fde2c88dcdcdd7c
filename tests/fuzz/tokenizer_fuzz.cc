// libFuzzer: the bytes up to the first NUL are a tokenizer.json, the rest is text. Without a NUL
// all of it is both. Only Error may come out of loading; what loads must encode and decode any text
// consistently.
#include <cstdlib>

#include "engine/base/check.h"
#include "engine/text/load_tokenizer.h"
#include "engine/text/utf8.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void use(const qwench::Tokenizer& tokenizer, std::string_view text) {
  for (const bool special : {true, false}) {
    const auto ids = tokenizer.encode(text, special);
    std::string streamed;
    qwench::StreamDecoder decoder(tokenizer, false);
    for (const int32_t id : ids) streamed += decoder.push(id);
    streamed += decoder.finish();
    require(streamed == tokenizer.decode(ids, false));
    require(qwench::is_utf8(streamed));
  }
  const size_t half = text.size() / 2;
  for (const int32_t id : tokenizer.encode_parts(text, {{0, half / 2}, {half, text.size()}}))
    require(id >= 0 && id < tokenizer.size());
  for (const int32_t id : tokenizer.encode_framed(text)) require(id >= 0 && id < tokenizer.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t nul = input.find('\0');
  const std::string_view text = nul == input.npos ? input : input.substr(nul + 1);
  try {
    // A tokenizer that always loads, so that the text side is fuzzed from the first input on.
    static const auto small =
        qwench::open_tokenizer(QWENCH_SOURCE_DIR "/tests/data/tokenizer/small/tokenizer.json");
    use(*small, text);
    use(*qwench::load_tokenizer_json(input.substr(0, nul), "fuzz"), text);
  } catch (const qwench::Error&) {
  }
  return 0;
}
