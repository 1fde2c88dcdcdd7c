// Users in a closed loop on one model: each asks again the moment it is answered.
#include <algorithm>
#include <array>

#include "bench/suites/criteria.h"
#include "bench/suites/generation.h"
#include "bench/suites/prompts.h"
#include "bench/suites/registry.h"
#include "bench/suites/result.h"
#include "bench/support/interrupt.h"

namespace qwench::bench {

namespace {

constexpr std::array<int64_t, 4> kUsers = {1, 2, 4, 8};

struct Request {
  std::vector<int32_t> prompt;
  int64_t n_new = 0;
};

/// Answers differ in length, so that users do not stay in step.
std::vector<Request> make_requests(SuiteContext& context) {
  const SuiteOptions& o = context.options();
  const int64_t n = o.size(16, 8), least = std::max<int64_t>(2, o.generated(16, 4));
  const std::vector<Prompt>& prompts = throughput_prompts();
  std::vector<Request> requests;
  for (int64_t i = 0; i < n; ++i)
    requests.push_back({prompt_ids(context, prompts[size_t(i) % prompts.size()].text),
                        least + i % 4 * std::max<int64_t>(1, least / 4)});
  return requests;
}

/// One sequence of the session and the user behind it.
struct User {
  const Request* request = nullptr;  // null: nothing left to ask
  size_t index = 0;
  int64_t asked_ns = 0;
  std::vector<int32_t> ids;
};

struct Level : UsersMeasured {
  std::vector<double> latency_ns, first_token_ns;  // per request
  std::string error;
};

class ClosedLoop {
 public:
  ClosedLoop(SuiteContext& context, const std::vector<Request>& requests, int64_t users)
      : requests_(requests),
        limit_(context.text().emit_limit),
        capacity_(capacity_of(requests)),
        model_(context.model(users, capacity_)),
        session_(model_.model, session_options(context.options().model, users, capacity_)),
        users_(size_t(users)),
        last_(size_t(users), 0) {
    level_.users = users;
    level_.hashes.resize(requests.size());
  }

  Level run() {
    const int64_t start = now_ns();
    for (User& user : users_) ask(user, start);
    while (!interrupted() &&
           std::any_of(users_.begin(), users_.end(), [](const User& user) { return user.request; }))
      step();
    level_.seconds = double(now_ns() - start) * 1e-9;
    return std::move(level_);
  }

 private:
  static int64_t capacity_of(const std::vector<Request>& requests) {
    int64_t most = 0;
    for (const Request& r : requests) most = std::max(most, int64_t(r.prompt.size()) + r.n_new);
    return most;
  }

  int64_t seq_of(const User& user) const { return &user - users_.data(); }

  /// The next request of a user who was answered at `at_ns`: waiting for others' prompts counts.
  void ask(User& user, int64_t at_ns) {
    user.request = nullptr;
    session_.truncate(seq_of(user), 0);
    if (next_ == requests_.size()) return;
    user.index = next_++;
    user.request = &requests_[user.index];
    user.asked_ns = at_ns;
    user.ids.clear();
    session_.prefill(seq_of(user), user.request->prompt.data(),
                     int64_t(user.request->prompt.size()));
    take(user, session_.argmax(0, limit_));
    level_.first_token_ns.push_back(double(now_ns() - at_ns));
  }

  void take(User& user, int32_t id) {
    user.ids.push_back(id);
    last_[size_t(seq_of(user))] = id;
  }

  /// A pass over all sequences; those without a request compute something that nobody reads.
  void step() {
    for (const User& user : users_)
      if (!user.request) session_.truncate(seq_of(user), 0);
    session_.decode(last_.data());
    std::vector<int32_t> chosen;
    for (size_t i = 0; i < users_.size(); ++i)
      chosen.push_back(session_.argmax(int64_t(i), limit_));
    for (User& user : users_) {
      if (!user.request) continue;
      take(user, chosen[size_t(seq_of(user))]);
      if (int64_t(user.ids.size()) >= user.request->n_new) answer(user);
    }
  }

  void answer(User& user) {
    const int64_t now = now_ns();
    level_.latency_ns.push_back(double(now - user.asked_ns));
    level_.token_ns.push_back(level_.latency_ns.back() / double(user.ids.size()));
    level_.generated += int64_t(user.ids.size());
    level_.hashes[user.index] = output_hash(user.ids);
    ask(user, now);
  }

  const std::vector<Request>& requests_;
  int64_t limit_, capacity_;
  LoadedModel& model_;
  Session session_;
  std::vector<User> users_;
  std::vector<int32_t> last_;  // per sequence
  size_t next_ = 0;            // request
  Level level_;
};

Level run_level(SuiteContext& context, const std::vector<Request>& requests, int64_t users) {
  try {
    ClosedLoop loop(context, requests, users);
    return loop.run();
  } catch (const UsageError&) {
    throw;
  } catch (const Error& error) {
    Level failed;
    failed.users = users, failed.failures = 1, failed.error = error.what();
    return failed;
  }
}

void add_figures(const Level& level, SuiteResult& to) {
  const std::string prefix = fmt::format("users_{}_", level.users);
  const auto add = [&](const char* name, const char* unit, std::vector<double> values) {
    to.figures.push_back(level.error.empty() ? measured(prefix + name, unit, std::move(values))
                                             : not_measured(prefix + name, unit, level.error));
  };
  std::vector<double> rate;
  if (level.generated && !interrupted()) rate = {double(level.generated) / level.seconds};
  add("tokens_per_second", "tokens/s", std::move(rate));
  add("request_latency", "ns", level.latency_ns);
  add("first_token_latency", "ns", level.first_token_ns);
}

SuiteResult run(SuiteContext& context) {
  const std::vector<Request> requests = make_requests(context);
  SuiteResult result;
  std::vector<Level> levels;
  OrderedJson rows = OrderedJson::array();
  for (const int64_t users : kUsers) {
    if (interrupted() || (context.options().quick && users > 4)) break;
    context.progress().show(fmt::format("concurrency: {} users", users));
    levels.push_back(run_level(context, requests, users));
    const Level& level = levels.back();
    add_figures(level, result);
    rows.push_back(
        {{"users", users},
         {"answered", level.latency_ns.size()},
         {"failures", level.failures},
         {"generated_tokens", level.generated},
         {"seconds", level.seconds},
         {"error", level.error.empty() ? OrderedJson(nullptr) : OrderedJson(level.error)}});
  }
  result.interrupted = interrupted();
  result.criteria = judge_users({levels.begin(), levels.end()}, result.interrupted);
  std::string hashes;
  if (!levels.empty())
    for (const std::string& hash : levels.front().hashes) hashes += hash;
  result.details = {{"prompts", prompt_source(context)},
                    {"requests", requests.size()},
                    {"output_hash", output_hash({hashes.begin(), hashes.end()})},
                    {"levels", rows}};
  return result;
}

SuiteCost cost(const SuiteOptions& o, const ModelConfig&) {
  SuiteCost cost;
  const int64_t n = o.size(16, 8), answer = o.generated(16, 4);
  const int64_t levels = o.quick ? 3 : int64_t(kUsers.size());
  cost.n_seq = o.quick ? 4 : kUsers.back(), cost.capacity = 32 + 2 * answer;
  cost.prefill_tokens = levels * n * 16, cost.decode_steps = 2 * n * answer * 3 / 2;
  return cost;
}

/// Every answer of two levels the same; levels that failed have none to compare.
Criterion judge_same_answers(const std::vector<UsersMeasured>& levels, bool interrupted) {
  const std::string name = "same_answers",
                    expected = "as many users as there are, the same answers";
  const UsersMeasured* first = nullptr;
  int64_t compared = 0, different = 0;
  for (const UsersMeasured& level : levels) {
    if (level.failures > 0) continue;
    if (!first) first = &level;
    if (&level == first) continue;
    ++compared, different += level.hashes != first->hashes ? 1 : 0;
  }
  if (interrupted) return unknown(name, expected, "interrupted");
  if (compared == 0)
    return unknown(name, expected, "fewer than two numbers of users were answered");
  return judge(name, expected, different == 0,
               fmt::format("{} of {} numbers of users got others", different, compared));
}

}  // namespace

std::vector<Criterion> judge_users(const std::vector<UsersMeasured>& levels, bool interrupted) {
  int64_t failures = 0;
  std::optional<double> scatter;
  for (const UsersMeasured& level : levels) {
    failures += level.failures;
    if (const auto v = variation(level.token_ns)) scatter = std::max(scatter.value_or(0), *v);
  }
  CriterionArgs gain{"throughput_gain", Bound::kAtLeast, 1, "1 x the throughput of one user",
                     std::nullopt};
  if (levels.size() > 1 && !interrupted) {
    const UsersMeasured &one = levels.front(), &most = levels.back();
    if (one.generated && most.generated)
      gain.value = double(most.generated) / most.seconds * one.seconds / double(one.generated);
  }
  return {judge({"failures", Bound::kAtMost, 0, "", double(failures)}),
          judge_same_answers(levels, interrupted),
          judge({"latency_variation", Bound::kAtMost, 0.5,
                 "0.5 of the mean time a token, at any number of users", scatter}),
          judge(std::move(gain))};
}

Suite concurrency_suite() {
  return {
      "concurrency",
      "system,scalability",
      "1, 2, 4 and 8 users at once on one model, each asking again when answered",
      "The same list of requests, of different lengths, is worked off by 1, 2, 4 and 8 users in a "
      "closed loop: one sequence of a session each, all decoded in one pass, prompts read when a "
      "user asks. A request's latency starts when its user was answered before. Greedy, "
      "end-of-text ignored. Passes without failures, when every number of users gets the same "
      "answers, the time a token varies by at most half of its mean, and throughput does not fall.",
      run,
      cost};
}

}  // namespace qwench::bench
