#include "core/rollout/kv_memory.h"

#include <algorithm>
#include <cassert>

#include "core/base/random.h"

namespace golong {
namespace {

std::span<const int32_t> page_tokens(std::span<const int32_t> tokens, size_t index) {
  return tokens.subspan(index * kPageTokens, kPageTokens);
}

}  // namespace

std::vector<uint64_t> prefix_names(std::span<const int32_t> tokens) {
  std::vector<uint64_t> names;
  uint64_t name = 0;
  for (size_t i = 0; (i + 1) * kPageTokens < tokens.size(); ++i) {
    for (int32_t token : page_tokens(tokens, i)) name = random_key({name, static_cast<uint64_t>(token)});
    names.push_back(name);
  }
  return names;
}

bool KvMemory::extend(PageList& list, int64_t tokens) {
  const size_t before = list.pages.size();
  while (static_cast<int64_t>(list.pages.size()) < pages_of(tokens)) {
    const int32_t page = take_page();
    if (page < 0) {
      for (size_t i = before; i < list.pages.size(); ++i) pages_.release(list.pages[i]);
      list.pages.resize(before);
      return false;
    }
    list.pages.push_back(page);
  }
  list.tokens = tokens;
  return true;
}

void KvMemory::release(PageList& list) {
  // From the end: of a prompt's pages the last is given up first, without it the others are still of use.
  for (auto page = list.pages.rbegin(); page != list.pages.rend(); ++page) {
    pages_.release(*page);
    if (auto name = name_of_page_.find(*page); name != name_of_page_.end()) settle(name->second);
  }
  list = {};
}

// Null where the page is not kept. That the page before is the right one was seen by the caller.
const KvMemory::Kept* KvMemory::find(std::span<const int32_t> tokens, const std::vector<uint64_t>& names,
                                     size_t index) const {
  const auto found = kept_.find(names[index]);
  if (found == kept_.end() || found->second.before != (index > 0 ? names[index - 1] : 0)) return nullptr;
  // Names are hashes: what they stand for decides.
  return std::ranges::equal(found->second.tokens, page_tokens(tokens, index)) ? &found->second : nullptr;
}

int64_t KvMemory::cost(std::span<const int32_t> tokens, const std::vector<uint64_t>& names) const {
  int64_t pages = pages_of(static_cast<int64_t>(tokens.size()));
  for (size_t i = 0; i < names.size(); ++i) {
    const Kept* kept = find(tokens, names, i);
    if (!kept) break;
    pages -= kept->order == nullptr;
  }
  return pages;
}

void KvMemory::share(PageList& list, std::span<const int32_t> tokens, const std::vector<uint64_t>& names) {
  assert(list.pages.empty());
  for (size_t i = 0; i < names.size(); ++i) {
    const Kept* kept = find(tokens, names, i);
    if (!kept) break;
    pages_.hold(kept->page);
    settle(names[i]);
    list.pages.push_back(kept->page);
  }
  list.tokens = static_cast<int64_t>(list.pages.size()) * kPageTokens;
}

void KvMemory::keep(const PageList& list, std::span<const int32_t> tokens, const std::vector<uint64_t>& names) {
  for (size_t i = 0; i < names.size(); ++i) {
    const auto part = page_tokens(tokens, i);
    const auto [entry, fresh] =
        kept_.try_emplace(names[i], Kept{{part.begin(), part.end()}, i > 0 ? names[i - 1] : 0, list.pages[i]});
    if (!fresh && !find(tokens, names, i)) break;  // other tokens have this name
    if (!fresh) continue;
    pages_.hold(list.pages[i]);
    name_of_page_[list.pages[i]] = names[i];
  }
}

void KvMemory::expect(const std::vector<uint64_t>& names, int64_t count) {
  // From the end, as in release().
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    if ((expected_[*name] += count) == 0) expected_.erase(*name);
    settle(*name);
  }
}

void KvMemory::forget() {
  while (!kept_.empty()) drop(kept_.begin()->first);
  pages_.give_back();
}

// Puts a kept page where it belongs after its holders or those who wait for it have changed.
void KvMemory::settle(uint64_t name) {
  const auto found = kept_.find(name);
  if (found == kept_.end()) return;
  Kept& kept = found->second;
  if (kept.order) kept.order->erase(kept.place);
  kept.order = pages_.holders(kept.page) > 1 ? nullptr : expected_.contains(name) ? &awaited_ : &idle_;
  if (kept.order) kept.place = kept.order->insert(kept.order->begin(), name);
}

void KvMemory::drop(uint64_t name) {
  const auto found = kept_.find(name);
  Kept& kept = found->second;
  if (kept.order) kept.order->erase(kept.place);
  name_of_page_.erase(kept.page);
  pages_.release(kept.page);
  kept_.erase(found);
}

// What nobody waits for goes before memory grows; what somebody waits for only where memory cannot grow.
int32_t KvMemory::take_page() {
  if (pages_.in_use() == pages_.allocated() && !idle_.empty()) drop(idle_.back());
  int32_t page = pages_.take();
  if (page < 0 && !awaited_.empty()) {
    drop(awaited_.back());
    page = pages_.take();
  }
  return page;
}

}  // namespace golong
