// Numbers distinct items: a flat hash table, filled in one go, for the few dozen lines of an answer or the thousands of
// a wrong one.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace golong::plugins {

using ItemList = std::vector<std::string_view>;

// Views the items, which must outlive it.
class ItemIndex {
 public:
  static constexpr uint32_t kNone = ~0U;

  // For at most `most` distinct items.
  explicit ItemIndex(size_t most) : slots_(std::bit_ceil(2 * most + 2)) {}

  explicit ItemIndex(const ItemList& items) : ItemIndex(items.size()) {
    for (std::string_view item : items) add(item);
  }

  // The number of an item: 0, 1, ... in the order in which they came first.
  uint32_t add(std::string_view item) {
    Slot& slot = slots_[place(item)];
    if (slot.number == kNone) slot = {item, size_++};
    return slot.number;
  }

  // kNone where it was not added.
  uint32_t find(std::string_view item) const { return slots_[place(item)].number; }

  // How many distinct items were added.
  size_t size() const { return size_; }

 private:
  struct Slot {
    std::string_view item;
    uint32_t number = kNone;
  };

  static uint64_t load(const char* from, size_t size) {
    uint64_t word = 0;
    std::memcpy(&word, from, size);
    return word;
  }

  // Eight bytes at a time, each multiplied into 128 bits and folded.
  static size_t hash(std::string_view item) {
    constexpr uint64_t odd = 0x9E3779B97F4A7C15U;
    uint64_t hash = item.size() * odd;
    const auto mix = [&hash](uint64_t word) {
      const unsigned __int128 product = static_cast<unsigned __int128>(hash ^ word) * odd;
      hash = static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
    };
    size_t at = 0;
    for (; at + 8 <= item.size(); at += 8) mix(load(item.data() + at, 8));
    if (at < item.size()) mix(load(item.data() + at, item.size() - at));
    return hash;
  }

  // Where the item stands, or would.
  size_t place(std::string_view item) const {
    const size_t mask = slots_.size() - 1;
    size_t at = hash(item) & mask;
    while (slots_[at].number != kNone && slots_[at].item != item) at = (at + 1) & mask;
    return at;
  }

  std::vector<Slot> slots_;
  uint32_t size_ = 0;
};

}  // namespace golong::plugins
