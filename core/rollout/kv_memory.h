// Who holds which pages of keys and values: prompts that begin alike share the pages of their common beginning, within
// a budget in bytes.
#pragma once
#include <cstdint>
#include <list>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/rollout/kv_pages.h"

namespace golong {

// Names of the pages of a prompt that others can share: those that are full, but for the prompt's last token, whose
// hidden state is always computed. Each is a hash of all tokens up to the page's end.
std::vector<uint64_t> prefix_names(std::span<const int32_t> tokens);

// Not thread-safe.
class KvMemory {
 public:
  KvMemory(const ModelShape& shape, at::ScalarType dtype, at::Device device, int64_t budget_bytes)
      : pages_(shape, dtype, device, budget_bytes) {}

  KvPages& pages() { return pages_; }

  // Makes room for `tokens` tokens in all. False where there is none; then the list is as it was.
  bool extend(PageList& list, int64_t tokens);
  void release(PageList& list);

  // Puts the pages that hold the beginning of `tokens` already into an empty list; its `tokens` are what they hold.
  void share(PageList& list, std::span<const int32_t> tokens, const std::vector<uint64_t>& names);
  // What a prompt takes out of available(): its pages but for those that share() finds in use.
  int64_t cost(std::span<const int32_t> tokens, const std::vector<uint64_t>& names) const;
  // Keeps the full pages of a prompt for others, also when the prompt itself has gone. They are given up for what is
  // needed now: first those that nobody waits for.
  void keep(const PageList& list, std::span<const int32_t> tokens, const std::vector<uint64_t>& names);

  // A prompt that waits with these pages (count 1), or no longer waits (-1).
  void expect(const std::vector<uint64_t>& names, int64_t count);

  // Forgets what is kept and gives its memory back: the weights have changed. Nobody may hold a page. What is found
  // later depends on nothing that was before.
  void forget();

  // Pages that extend() could take.
  int64_t available() const {
    return pages_.limit() - pages_.in_use() + static_cast<int64_t>(idle_.size() + awaited_.size());
  }

 private:
  using Order = std::list<uint64_t>;  // names, the one that was held last in front

  struct Kept {
    std::vector<int32_t> tokens;  // of this page
    uint64_t before;              // name of the page before
    int32_t page;
    Order* order = nullptr;  // where it stands while nobody else holds it
    Order::iterator place;
  };

  int32_t take_page();
  void drop(uint64_t name);
  void settle(uint64_t name);
  const Kept* find(std::span<const int32_t> tokens, const std::vector<uint64_t>& names, size_t index) const;

  KvPages pages_;
  std::unordered_map<uint64_t, Kept> kept_;
  std::unordered_map<int32_t, uint64_t> name_of_page_;
  std::unordered_map<uint64_t, int64_t> expected_;  // name -> prompts that wait for the page
  Order idle_, awaited_;                            // kept pages that only we hold; `awaited_`: prompts wait for them
};

}  // namespace golong
