// Small pieces of the command line: lists, suggestions, names in reports.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>

#include "bench/support/list_option.h"
#include "bench/support/number_option.h"
#include "bench/support/program.h"
#include "bench/support/suggest.h"
#include "bench/support/table.h"
#include "engine/base/check.h"
#include "engine/base/edit_distance.h"
#include "engine/base/format_bytes.h"

using namespace qwench::bench;
using qwench::edit_distance;
using qwench::format_bytes;

TEST_CASE("a list is plain integers between commas and nothing else") {
  CHECK(parse_list("1,22,3", "-b", 0, 100) == std::vector<int64_t>{1, 22, 3});
  CHECK(parse_list("", "-b", 0, 100).empty());
  for (const char* text : {"1,2,x", "1,,2", "1,", ",1", "1.5", " 1", "1 ", "-", "0x10", "1,2x"})
    CHECK_THROWS_AS(parse_list(text, "-b", 0, 100), qwench::UsageError);
}

TEST_CASE("a list refuses what is out of range, with the range in the message") {
  CHECK_THROWS_WITH_AS(parse_list("1,101", "-b", 0, 100), "-b: expected 0 to 100, got 101",
                       qwench::UsageError);
  CHECK_THROWS_AS(parse_list("-1", "-b", 0, 100), qwench::UsageError);
  CHECK_THROWS_AS(parse_list("99999999999999999999", "-b", 0, 100), qwench::UsageError);
}

TEST_CASE("an axis is sorted, has no repetitions and is not empty") {
  CHECK(parse_axis("4,1,4", "-b", 1, 8) == std::vector<int64_t>{1, 4});
  CHECK_THROWS_AS(parse_axis("", "-b", 1, 8), qwench::UsageError);
}

TEST_CASE("a near name is suggested, a far one is not") {
  CHECK(edit_distance("bnech", "bench") == 1);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(nearest("bnech", {"run", "bench"}) == "bench");
  CHECK(nearest("--tokns", {"--tokens", "--thinking"}) == "--tokens");
  CHECK(nearest("zebra", {"run", "bench"}).empty());
}

TEST_CASE("a report names a model by the last part of its path and hides the home folder") {
  CHECK(model_name("/models/qwen3/") == "qwen3");
  CHECK(model_name("qwen3-0.6b") == "qwen3-0.6b");
  CHECK(model_name("a/b") == "b");
  const char* home = std::getenv("HOME");
  if (home && std::string(home).size() > 1)
    CHECK(without_home(std::string("-m=") + home + "/m") == "-m=~/m");
}

TEST_CASE("table columns are as wide as their longest cell and end without blanks") {
  Table table({"<op", "ms"});
  table.add({"linear", "1.5"});
  table.add({"\xC3\xA9", "10"});
  CHECK(table.to_string() == "op       ms\n------  ---\nlinear  1.5\n\xC3\xA9        10\n");
}

TEST_CASE("sizes and times are printed with their unit") {
  CHECK(format_bytes(17) == "17 B");
  CHECK(format_bytes(1536) == "1.50 KiB");
  CHECK(format_ns(1500) == "1.50 us");
  CHECK(format_ns(2.5e9) == "2.50 s");
  CHECK(format_number(1234.4) == "1234");
  CHECK(format_number(0.01234) == "0.0123");
}

TEST_CASE("a number is plain, decimal, finite and whole") {
  CHECK(parse_integer("-12") == -12);
  CHECK(parse_integer("010") == 10);
  CHECK(parse_unsigned("18446744073709551615") == UINT64_MAX);
  CHECK(parse_real("1e308") == 1e308);
  CHECK(parse_real("-.5e-3") == -0.0005);
  CHECK(!std::signbit(*parse_real("-0")));
  for (const char* text :
       {"", " ", "nan", "inf", "-inf", "1e309", "1e-999", "0x10", "1 ", "+1", "1,5", "1x"}) {
    INFO(text);
    CHECK(!parse_integer(text));
    CHECK(!parse_real(text));
  }
  CHECK(!parse_integer("1.5"));
  CHECK(!parse_integer("9223372036854775808"));
  CHECK(!parse_unsigned("-1"));
}
