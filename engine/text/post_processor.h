// `post_processor` of a tokenizer.json: the tokens that go around a plain text.
#pragma once
#include <string_view>

#include "engine/base/json.h"
#include "engine/text/tokenizer.h"

namespace qwench {

/// ByteLevel adds nothing, TemplateProcessing what its `single` says; one of them in a Sequence
/// adds. Error naming the type on every other, and on a template that is not one text.
Framing read_post_processor(const Json& processor, std::string_view where);

/// The TemplateProcessing that adds this.
OrderedJson post_processor_json(const Framing& framing, const Tokenizer& tokenizer);

}  // namespace qwench
