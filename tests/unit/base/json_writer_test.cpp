#include "core/base/json_writer.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cmath>
#include <limits>

namespace golong {
namespace {

namespace json = boost::json;

TEST(JsonWriter, NumbersAreTheShortestThatReadBack) {
  EXPECT_EQ(json_number(0.2), "0.2");
  EXPECT_EQ(json_number(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(json_number(-3), "-3");
  EXPECT_EQ(json_number(1e-7), "1e-07");
  EXPECT_EQ(json_number(NAN), "null");
  EXPECT_EQ(json_number(-INFINITY), "null");
  for (const double value : {1.0 / 3, 1e300, 5e-324, std::numeric_limits<double>::max(), 123456789012.5}) {
    EXPECT_EQ(json::parse(json_number(value)).to_number<double>(), value);
  }
}

TEST(JsonWriter, WritesWhatBoostReads) {
  const json::value value{{"a", 0.5},
                          {"quote \" \n", {1, -2, nullptr, true, "text \\ \xc3\xa4"}},
                          {"empty", {{"list", json::array()}, {"object", json::object()}}},
                          {"large", std::numeric_limits<uint64_t>::max()}};
  EXPECT_EQ(to_json(value),
            "{\"a\":0.5,\"quote \\\" \\n\":[1,-2,null,true,\"text \\\\ \xc3\xa4\"],"
            "\"empty\":{\"list\":[],\"object\":{}},\"large\":18446744073709551615}");
  EXPECT_EQ(json::parse(to_json(value)), value);
}

}  // namespace
}  // namespace golong
