// Which operations this rank has begun with others: what ranks compare when one does not come.
#pragma once
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace golong::parallel {

// Of one group. Its ranks begin the same operations in the same order, so that numbers can be compared.
struct GroupProgress {
  int64_t begun = 0;
  std::string newest;  // "sum"; "" before the first one
};

// Why an operation failed, as far as it can be known from outside; "" where it cannot. `number` is that of the
// operation in its group, from 1.
using WhyFailed = std::function<std::string(size_t group, int64_t number)>;

// All groups of this rank, in the order in which all ranks make them. Thread-safe.
class Operations {
 public:
  struct Group {
    std::string name;  // "context ranks"
    std::vector<int64_t> ranks;
  };

  size_t add_group(Group group);                  // returns its number
  int64_t begin(size_t group, const char* what);  // returns the operation's number
  Group group(size_t number) const;
  std::vector<GroupProgress> progress() const;  // by group
  size_t newest_group() const;                  // of the newest operation; 0 before the first one

  void explain_with(WhyFailed why);  // {}: nobody knows
  std::string why_failed(size_t group, int64_t number) const;

 private:
  mutable std::mutex mutex_;
  std::vector<Group> groups_;
  std::vector<GroupProgress> progress_;
  size_t newest_group_ = 0;
  WhyFailed why_;
};

}  // namespace golong::parallel
