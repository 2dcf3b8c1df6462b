#include "core/parallel/agreement.h"

#include <boost/json.hpp>
#include <set>
#include <vector>

#include "core/base/error.h"

namespace golong::parallel {
namespace {

namespace json = boost::json;

constexpr size_t most_differences = 8;  // in the message

Facts facts_of(const std::string& text) {
  Facts facts;
  const json::value parsed = json::parse(text);
  for (const auto& [name, value] : parsed.as_object()) facts[name] = value.as_string();
  return facts;
}

std::string value_of(const Facts& facts, const std::string& name) {
  const auto found = facts.find(name);
  return found == facts.end() ? "nothing" : found->second;
}

// Names whose values are not the same.
std::vector<std::string> differences(const Facts& a, const Facts& b) {
  std::set<std::string> names;
  for (const Facts* facts : {&a, &b}) {
    for (const auto& [name, value] : *facts) names.insert(name);
  }
  std::vector<std::string> found;
  for (const std::string& name : names) {
    const auto in_a = a.find(name), in_b = b.find(name);
    if (in_a == a.end() || in_b == b.end() || in_a->second != in_b->second) found.push_back(name);
  }
  return found;
}

}  // namespace

void agree(const World& world, const Facts& facts) {
  if (world.rank().alone()) return;
  json::object mine;
  for (const auto& [name, value] : facts) mine[name] = value;
  const std::vector<std::string> texts = world.all().gather(json::serialize(mine));
  const Facts first = facts_of(texts.front());
  std::string lines;
  size_t count = 0;
  for (size_t rank = 1; rank < texts.size(); ++rank) {
    if (texts[rank] == texts.front()) continue;
    const Facts theirs = facts_of(texts[rank]);
    for (const std::string& name : differences(first, theirs)) {
      if (++count > most_differences) continue;
      lines += "\n  " + name + ": rank " + std::to_string(rank) + " has " + value_of(theirs, name) + ", rank 0 has " +
               value_of(first, name);
    }
  }
  if (count == 0) return;
  if (count > most_differences) lines += "\n  and " + std::to_string(count - most_differences) + " more";
  fail("the ranks of a job must be started alike, and differ in:", lines);
}

}  // namespace golong::parallel
