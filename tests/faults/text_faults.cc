// What `run`, `chat` and `tokenize` conclude of a model's files, of a prompt and of an answer.
#include <filesystem>

#include "engine/base/json.h"
#include "tests/faults/planted_fault.h"

namespace qwench::test {

namespace {

const std::string kTiny = QWENCH_SOURCE_DIR "/models/qwench-tiny";
const std::string kTwin = QWENCH_SOURCE_DIR "/tests/data/text-chat/qwen3-chat-bf16";
const std::string kAsk = R"(--messages '[{"role": "user", "content": "Where does Tobes live?"}]' )";

std::string run_of(const std::string& model) { return "run -m " + model + " -t 1 "; }
const std::string kRun = run_of(kTiny);

/// The program on a folder of its own: the small model with one file changed.
template <class Change>
std::function<Conclusion()> changed(const std::string& name, Change change,
                                    const std::string& arguments) {
  return [=] {
    const ScratchFolder folder;
    for (const auto& entry : std::filesystem::directory_iterator(kTiny))
      if (entry.is_regular_file())
        std::filesystem::copy_file(entry.path(), folder.file(entry.path().filename().string()));
    Json json = parse_json_file(folder.file(name));
    change(json);
    folder.write(name, json.dump());
    return program(run_of(folder.path()) + arguments)();
  };
}

/// Whether the program says these words about what it was asked.
std::function<Conclusion()> says(const std::string& words, std::function<Conclusion()> asked) {
  return [=] {
    Conclusion conclusion = asked();
    const bool said = conclusion.verdict.find(words) != std::string::npos;
    conclusion.verdict = said ? words : "nothing said";
    return conclusion;
  };
}

/// Whether two runs give the same tokens.
std::function<Conclusion()> same_tokens(const std::string& a, const std::string& b) {
  return [=] {
    const Outcome first = run(a + " --json"), second = run(b + " --json");
    const bool same = parse_json(first.out, a).at("ids") == parse_json(second.out, b).at("ids");
    return Conclusion{std::max(first.code, second.code), same ? "same tokens" : "other tokens"};
  };
}

std::function<Conclusion()> chat(std::string input, std::vector<std::string> options = {}) {
  options.insert(options.begin(), {"chat", "-m", kTiny, "-t", "1", "--greedy"});
  return [input = std::move(input), options = std::move(options)] {
    const Outcome outcome = run_with_input(options, input);
    return Conclusion{outcome.code, outcome.out + outcome.err};
  };
}

/// `tokenize` on the vocabulary and merges of a folder, with one of its files written anew.
std::function<Conclusion()> tokenize(std::string name, std::string bytes) {
  return [name = std::move(name), bytes = std::move(bytes)] {
    const ScratchFolder folder;
    for (const char* file : {"vocab.json", "merges.txt", "tokenizer_config.json"})
      std::filesystem::copy_file(kTwin + "/" + file, folder.file(file));
    if (!name.empty()) folder.write(name, bytes);
    return program("tokenize -m " + folder.path() + " 'The sea'")();
  };
}

std::string without_last_line(const std::string& path) {
  const std::string text = read_file(path, 1 << 24);
  return text.substr(0, text.rfind('\n', text.size() - 2) + 1);
}

const Json kBos = {
    {"type", "TemplateProcessing"},
    {"single",
     {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}},
      {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
    {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {1533}}, {"tokens", {"<s>"}}}}}}};

const auto kAsItIs = [](Json&) {};

FaultTable tokenizer_faults() {
  const auto processor = [](const char* type) {
    return [=](Json& json) { json["post_processor"] = {{"type", type}}; };
  };
  const auto normalizer = [](const char* type) {
    return [=](Json& json) { json["normalizer"] = {{"type", type}}; };
  };
  const auto settings = [](const char* key) { return [=](Json& json) { json[key] = true; }; };
  const std::string tokens = "-n 0 --prompt 'The sea is' --json";
  return {
      {"run: the tokenizer is understood",
       "its post_processor is another one",
       changed("tokenizer.json", processor("ByteLevel"), tokens),
       changed("tokenizer.json", processor("RobertaProcessing"), tokens),
       {0, "prompt_ids"},
       {1, "RobertaProcessing"}},
      {"run: the tokenizer is understood",
       "its normalizer is another one",
       changed("tokenizer.json", normalizer("NFC"), tokens),
       changed("tokenizer.json", normalizer("NFKC"), tokens),
       {0, "prompt_ids"},
       {1, "NFKC"}},
      {"run: the tokenizer's settings change no token",
       "add_prefix_space is true",
       changed("tokenizer_config.json", settings("clean_up_tokenization_spaces"), tokens),
       changed("tokenizer_config.json", settings("add_prefix_space"), tokens),
       {0, "prompt_ids"},
       {1, "add_prefix_space"}},
      {"run: the chat template is a known one",
       "it says something else",
       changed("tokenizer_config.json", kAsItIs, kAsk + "-n 0 --json"),
       changed(
           "tokenizer_config.json", [](Json& json) { json["chat_template"] = "{{ x }}"; },
           kAsk + "-n 0 --json"),
       {0, "prompt_ids"},
       {1, "--chat-template"}},
      {"run: nothing stands before a prompt",
       "a post_processor puts a token there",
       says("1533", changed("tokenizer.json", processor("ByteLevel"), tokens)),
       says("1533",
            changed(
                "tokenizer.json", [](Json& json) { json["post_processor"] = kBos; }, tokens)),
       {0, "nothing said"},
       {0, "1533"}},
      {"run: a message has a role",
       "it has none that there is",
       program(kRun + kAsk + "-n 0"),
       program(kRun + R"(-n 0 --messages '[{"role": "admin", "content": "x"}]')"),
       {0, "prompt tokens"},
       {1, "got 'admin'"}},
      {"tokenize: a line is JSON",
       "it ends early",
       [] {
         const Outcome o =
             run_with_input({"tokenize", "-m", kTiny, "--jsonl"}, "{\"text\": \"a\"}");
         return Conclusion{o.code, o.out + o.err};
       },
       [] {
         const Outcome o = run_with_input({"tokenize", "-m", kTiny, "--jsonl"}, "{\"text\": \"a");
         return Conclusion{o.code, o.out + o.err};
       },
       {0, "\"ids\""},
       {1, "line 1"}},
      {"tokenize: merges.txt is whole",
       "its last line is missing",
       tokenize("", ""),
       tokenize("merges.txt", without_last_line(kTwin + "/merges.txt")),
       {0, "7 tokens"},
       {1, "cut off"}},
      {"tokenize: the added tokens agree with the vocabulary",
       "two are one id",
       tokenize("", ""),
       tokenize("tokenizer_config.json",
                R"({"added_tokens_decoder": {"5": {"content": "<|im_end|>"}}})"),
       {0, "7 tokens"},
       {1, "belongs to another token"}},
      {"tokenize: the class says how text is cut",
       "it is no class of Qwen",
       tokenize("", ""),
       tokenize("tokenizer_config.json", R"({"tokenizer_class": "BertTokenizer"})"),
       {0, "7 tokens"},
       {1, "BertTokenizer"}},
  };
}

FaultTable answer_faults() {
  const auto repeat = [](double penalty) {
    return [=](Json& json) { json["repetition_penalty"] = penalty; };
  };
  const auto beams = [](int n) { return [=](Json& json) { json["num_beams"] = n; }; };
  const std::string sea = "-n 12 --prompt 'The sea is' ";
  const std::string drawn = kRun + sea + "--temperature 2 --seed ",
                    special = "--parse-special makes";
  return {
      {"run: the answer ended at the end of its turn",
       "it was cut by -n",
       program(kRun + kAsk + "--greedy --json"),
       program(kRun + kAsk + "--greedy --json -n 2"),
       {0, "\"finish_reason\": \"eos\""},
       {0, "\"finish_reason\": \"length\""}},
      {"run: the answer ended at the end of its turn",
       "a stop text comes before",
       program(kRun + kAsk + "--greedy --json"),
       program(kRun + kAsk + "--greedy --json --stop lives"),
       {0, "\"finish_reason\": \"eos\""},
       {0, "\"finish_reason\": \"stop\""}},
      {"run: the answer is the most likely one",
       "the file penalises repetition",
       changed("generation_config.json", repeat(1), sea),
       changed("generation_config.json", repeat(1.3), sea),
       {0, "planet. The code"},
       {0, "planet. The favourite"}},
      {"run: everything in generation_config.json is honoured",
       "it asks for beams",
       says("not honoured: num_beams", changed("generation_config.json", beams(1), sea)),
       says("not honoured: num_beams", changed("generation_config.json", beams(4), sea)),
       {0, "nothing said"},
       {0, "not honoured: num_beams"}},
      {"run: no option asks for a draw",
       "a temperature does",
       same_tokens(kRun + sea, kRun + sea + "--repetition-penalty 1 --top-p 1"),
       same_tokens(kRun + sea, kRun + sea + "--temperature 2 --seed 3"),
       {0, "same tokens"},
       {0, "other tokens"}},
      {"run: the same seed gives the same tokens",
       "the last of its 64 bits is another",
       same_tokens(drawn + "18446744073709551615", drawn + "18446744073709551615"),
       same_tokens(drawn + "18446744073709551615", drawn + "18446744073709551614"),
       {0, "same tokens"},
       {0, "other tokens"}},
      {"run: --seed is a number",
       "it is NaN",
       program(kRun + "--tokens 1 -n 0 --seed 0"),
       program(kRun + "--tokens 1 -n 0 --seed nan"),
       {0, ""},
       {2, "--seed"}},
      {"run: a message holds no special token",
       "it holds the end of a turn",
       says(special, program(kRun + kAsk + "-n 0")),
       says(special,
            program(kRun + R"(-n 0 --messages '[{"role": "user", "content": "<|im_end|>"}]')")),
       {0, "nothing said"},
       {0, special}},
      {"run: the seed is the one that was asked for",
       "none was: one is drawn",
       says("seed ", program(kRun + "--tokens 1 -n 0 --seed 1")),
       says("seed ", program(kRun + "--tokens 1 -n 0 --seed -1")),
       {0, "nothing said"},
       {0, "seed "}},
      {"run: there is a prompt",
       "stdin is empty",
       [] {
         const Outcome o = run_with_input({"run", "-m", kTiny, "-n", "0"}, "The sea");
         return Conclusion{o.code, o.err};
       },
       [] {
         const Outcome o = run_with_input({"run", "-m", kTiny, "-n", "0"}, "");
         return Conclusion{o.code, o.err};
       },
       {0, "prompt tokens"},
       {2, "at least one token"}},
  };
}

FaultTable chat_faults() {
  const std::string question = "Where does Tobes live?\n";
  return {
      {"chat: the answer is whole",
       "-n cuts it",
       chat(question),
       chat(question, {"-n", "3"}),
       {0, "Bormouth.\n"},
       {0, "the answer was cut at 3 tokens"}},
      {"chat: the answer is whole",
       "the context cuts it",
       chat(question),
       chat(question, {"--ctx", "16"}),
       {0, "Bormouth.\n"},
       {0, "the context of 16 tokens is full"}},
      {"chat: the conversation fits the context",
       "it does not",
       chat(question),
       chat(question, {"--ctx", "4"}),
       {0, "Bormouth.\n"},
       {0, "the conversation needs 13 tokens"}},
      {"chat: a line is a command",
       "there is no such command",
       chat("/help\n"),
       chat("/hlep\n"),
       {0, "this list"},
       {0, "no command '/hlep'"}},
      {"chat: the template has a thinking switch",
       "it has none",
       chat(question, {"--chat-template", "qwen3", "--thinking", "off", "-n", "1"}),
       chat(question, {"--chat-template", "chatml", "--thinking", "off", "-n", "1"}),
       {0, "prompt tokens"},
       {2, "--thinking"}},
      {"chat: figures follow an answer",
       "they are switched off",
       chat(question),
       chat(question, {"--stats", "off"}),
       {0, "prompt tokens"},
       {0, "Bormouth."}},
  };
}

}  // namespace

FaultTable text_faults() {
  FaultTable all;
  for (FaultTable (*table)() : {tokenizer_faults, answer_faults, chat_faults})
    for (PlantedFault& fault : table()) all.push_back(std::move(fault));
  return all;
}

}  // namespace qwench::test
