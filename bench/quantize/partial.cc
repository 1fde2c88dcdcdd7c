// Each file is written under another name and renamed, the list last: whenever the program stops, what
// the list says is true.
#include "bench/quantize/partial.h"

#include <algorithm>
#include <filesystem>

#include "bench/quantize/own_files.h"
#include "bench/quantize/report.h"
#include "bench/support/output.h"
#include "engine/base/check.h"
#include "engine/base/content_hash.h"
#include "engine/checkpoint/safetensors.h"

namespace qwench::bench {

namespace {

namespace fs = std::filesystem;

constexpr const char* kList = "/quantize.json";

uint64_t hash_of(const std::vector<EncodedTensor>& tensors) {
  ContentHash hash;
  for (const EncodedTensor& t : tensors) hash.add(t.bytes.data(), int64_t(t.bytes.size()));
  return hash.value();
}

/// The first option in which two jobs differ: "types: expected ..., got ...".
std::string difference(const Json& before, const OrderedJson& now) {
  for (const auto& [key, value] : now.items()) {
    const Json present = Json::parse(value.dump());
    if (!before.contains(key)) return key;
    if (before.at(key) != present)
      return value.is_structured()
                 ? key
                 : fmt::format("{} (was {}, is {})", key, before.at(key).dump(), present.dump());
  }
  return "";
}

FinishedPart read_part(const Json& json, const std::string& where) {
  FinishedPart part;
  part.file = read_string(json, "file", where);
  part.hash = std::stoull(read_string(json, "hash", where), nullptr, 16);
  for (const Json& tensor : json.at("tensors"))
    part.tensors.push_back(read_tensor_report(tensor, where));
  return part;
}

}  // namespace

Partial::Partial(const Open& open)
    : path_(open.out + ".partial"), job_(open.job), parts_(open.parts) {
  std::error_code ignored;
  const bool there = fs::exists(path_, ignored);
  if (open.resume && !there)
    fail_usage(
        "--resume: expected {} of an interrupted run, which is not there; leave --resume out",
        path_);
  if (there) lock_.emplace(path_);
  if (there && !open.resume && !open.force)
    fail_usage(
        "-o: {} is there, left by an interrupted run; --resume goes on with it, --force starts "
        "again",
        path_);
  if (there) require_no_foreign(open.resume ? "--resume" : "--force");
  if (open.resume)
    read_list(open);
  else
    create();
}

/// What is not in the list is removed, and in the end the folder is.
void Partial::require_no_foreign(const char* option) const {
  const std::vector<std::string> foreign = foreign_files(path_);
  if (!foreign.empty())
    fail_usage(
        "{}: expected {} to hold what an interrupted run leaves, got {} besides; move it away",
        option, path_, some_of(foreign));
}

void Partial::create() {
  std::error_code error;
  if (!lock_) {
    if (!fs::create_directory(path_, error)) {
      const fs::path above = fs::absolute(path_).parent_path();
      std::error_code ignored;
      if (!fs::is_directory(above, ignored))
        fail("{}: cannot be created: {}; the folder {} must exist", path_, error.message(),
             above.string());
      fail("{}: cannot be created: {}", path_,
           error ? error.message() + "; choose a folder that you may write to"
                 : "another program has just done so");
    }
    lock_.emplace(path_);
  } else if (!fs::exists(path_ + kList, error)) {
    fail_usage("--force: {} is not what an interrupted run leaves; remove it yourself", path_);
  } else {
    remove_all_but({});
  }
  write_list();
}

/// What was begun and not finished would otherwise end up beside the finished parts.
void Partial::remove_all_but(const std::vector<std::string>& names) const {
  std::vector<fs::path> others;
  for (const fs::directory_entry& entry : fs::directory_iterator(path_)) {
    const std::string name = entry.path().filename().string();
    if (std::find(names.begin(), names.end(), name) == names.end()) others.push_back(entry.path());
  }
  for (const fs::path& other : others) {
    std::error_code error;
    fs::remove_all(other, error);
    if (error) fail("{}: cannot be removed: {}", other.string(), error.message());
  }
}

void Partial::read_list(const Open& open) {
  const std::string where = path_ + kList;
  std::error_code ignored;
  if (!fs::exists(where, ignored))
    fail_usage("--resume: expected {}, which is missing; remove {} and start again", where, path_);
  try {
    const Json list = parse_json_file(where);
    const std::string other = difference(list.at("job"), open.job);
    if (!other.empty())
      fail_usage(
          "--resume: expected the options and the model of the run that was interrupted, got "
          "another {}; --force starts again",
          other);
    for (const Json& part : list.at("parts")) finished_.push_back(read_part(part, where));
  } catch (const nlohmann::json::exception&) {
    fail("{}: expected a list of finished parts, got another form; --force starts again", where);
  } catch (const std::logic_error&) {  // std::stoull
    fail("{}: expected hashes in hexadecimal; --force starts again", where);
  }
  if (finished_.size() > parts_)
    fail("{}: expected at most {} parts, got {}; --force starts again", where, parts_,
         finished_.size());
  std::vector<std::string> ours = {kList + 1};
  for (size_t part = 0; part < finished_.size(); ++part) ours.push_back(file_name(part));
  remove_all_but(ours);
}

std::string Partial::file_name(size_t part) const {
  return fmt::format("model-{:05}-of-{:05}.safetensors", part + 1, parts_);
}

void Partial::write_list() const {
  OrderedJson parts = OrderedJson::array();
  for (const FinishedPart& part : finished_) {
    OrderedJson tensors = OrderedJson::array();
    for (const TensorReport& t : part.tensors) tensors.push_back(tensor_json(t));
    parts.push_back(
        {{"file", part.file}, {"hash", fmt::format("{:016x}", part.hash)}, {"tensors", tensors}});
  }
  write_text_file(path_ + kList, to_text({{"job", job_}, {"parts", parts}}));
}

void Partial::add(const std::vector<EncodedTensor>& tensors,
                  const std::vector<TensorReport>& reports) {
  const std::string file = file_name(finished_.size());
  std::vector<TensorToWrite> to_write;
  for (const EncodedTensor& t : tensors) to_write.push_back({t.info, t.bytes.data()});
  write_safetensors(path_ + "/" + file, to_write);
  finished_.push_back({file, hash_of(tensors), reports});
  write_list();
}

std::vector<EncodedTensor> Partial::read(size_t part, const PlannedPart& plan) const {
  const std::string path = path_ + "/" + file_name(part);
  const SafetensorsFile file(path);
  std::vector<EncodedTensor> tensors;
  for (const PlannedTensor& planned : plan.tensors) {
    const StoredTensor* stored = file.find(planned.to.name);
    if (!stored || stored->end - stored->begin != planned.to.bytes())
      fail("{}: tensor {}: missing or of another size than planned; --force starts again", path,
           planned.to.name);
    tensors.push_back({planned.to, std::vector<char>(size_t(planned.to.bytes()))});
    file.read(*stored, 0, planned.to.bytes(), tensors.back().bytes.data());
  }
  if (hash_of(tensors) != finished_[part].hash)
    fail("{}: its bytes are not those that were written; --force starts again", path);
  return tensors;
}

void Partial::remove_list() const {
  std::error_code error;
  if (!fs::remove(path_ + kList, error))
    fail("{}{}: cannot be removed: {}", path_, kList, error.message());
}

}  // namespace qwench::bench
