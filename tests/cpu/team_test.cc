// The thread team: every item once, sleeping workers wake, any number of threads.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "cpu/team.h"

using qwench::cpu::Team;

TEST_CASE("every item is handed out exactly once, whatever the grain and the threads") {
  for (int threads : {1, 2, 5})
    for (int64_t n : {0, 1, 7, 1000})
      for (int64_t grain : {1, 3, 2000}) {
        Team team(threads);
        std::vector<std::atomic<int>> seen(static_cast<size_t>(n));
        std::atomic<bool> known{true};
        team.parallel_for(n, grain, [&](int64_t begin, int64_t end, int thread) {
          if (thread < 0 || thread >= threads) known = false;
          for (int64_t i = begin; i < end; ++i) ++seen[size_t(i)];
        });
        CHECK(known);
        for (const auto& count : seen) CHECK(count == 1);
      }
}

TEST_CASE("workers that fell asleep take part again, thousands of times") {
  Team team(3);
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    for (int job = 0; job < 200; ++job) {
      std::atomic<int64_t> sum{0};
      team.parallel_for(64, 1, [&](int64_t begin, int64_t end, int) {
        for (int64_t i = begin; i < end; ++i) sum += i;
      });
      REQUIRE(sum == 64 * 63 / 2);
    }
  }
}

TEST_CASE("each thread has scratch of its own, aligned to cache lines") {
  Team team(3);
  for (int thread = 0; thread < 3; ++thread) {
    CHECK(reinterpret_cast<uintptr_t>(team.scratch(thread)) % 64 == 0);
    static_cast<char*>(team.scratch(thread))[Team::kScratchBytes - 1] = char(thread);
  }
  CHECK(static_cast<char*>(team.scratch(0))[Team::kScratchBytes - 1] == 0);
}
