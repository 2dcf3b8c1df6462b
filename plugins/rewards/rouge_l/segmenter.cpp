#include "plugins/rewards/rouge_l/segmenter.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "plugins/common/unicode.h"

namespace golong::plugins {
namespace {

constexpr double kImpossible = -3.14e100;  // jieba's MIN_FLOAT
enum State : uint8_t { B, M, E, S };

bool is_han(char32_t c) { return c >= 0x4E00 && c <= 0x9FD5; }

bool is_alnum(char32_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool is_digit(char32_t c) { return c >= '0' && c <= '9'; }

// What the dictionary is asked about; everything else stands alone.
bool in_block(char32_t c) {
  return is_han(c) || is_alnum(c) || c == '+' || c == '#' || c == '&' || c == '.' || c == '_' || c == '%' || c == '-';
}

size_t padded(size_t bytes) { return (bytes + 7) / 8 * 8; }

}  // namespace

Segmenter::Segmenter(const std::filesystem::path& file) {
  auto fail = [&](const std::string& what) {
    if (map_ != nullptr) munmap(map_, size_);
    throw std::runtime_error("word dictionary for Chinese " + file.string() + ": " + what +
                             "; build it with `make build` (it is made from the PyPI package jieba), or set the "
                             "parameter `dictionary` of rouge_l to its place");
  };
  int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail(std::string("cannot be opened (") + std::strerror(errno) + ")");
  struct stat status {};
  bool known = fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  size_ = known ? static_cast<size_t>(status.st_size) : 0;
  void* map = size_ > 0 ? mmap(nullptr, size_, PROT_READ, MAP_SHARED, descriptor, 0) : MAP_FAILED;
  close(descriptor);
  if (map == MAP_FAILED) fail("cannot be read");
  map_ = map;

  const char* at = static_cast<const char*>(map_);
  const size_t head = 8 + 2 * 8 + 8 + 4 * 8 + 16 * 8;
  if (size_ < head || std::memcmp(at, "GLSEGM01", 8) != 0) fail("is no such dictionary");
  std::memcpy(&nodes_, at + 8, 8);
  std::memcpy(&states_, at + 16, 8);
  std::memcpy(&unknown_, at + 24, 8);
  constexpr uint64_t limit = 1U << 30;
  if (nodes_ == 0 || nodes_ > limit || states_ > limit ||
      size_ != head + nodes_ * 8 + padded((2 * nodes_ + 1) * 4) + padded(states_ * 4) + states_ * 32) {
    fail("is cut short or damaged");
  }
  start_ = reinterpret_cast<const double*>(at + 32);
  trans_ = start_ + 4;
  weight_ = trans_ + 16;
  label_ = reinterpret_cast<const uint32_t*>(weight_ + nodes_);
  child_ = label_ + nodes_;
  character_ = reinterpret_cast<const uint32_t*>(reinterpret_cast<const char*>(label_) + padded((2 * nodes_ + 1) * 4));
  emit_ = reinterpret_cast<const double*>(reinterpret_cast<const char*>(character_) + padded(states_ * 4));
  // Children stand behind their parent and inside the table: whatever the file holds, no walk leaves it or goes round.
  for (uint64_t i = 0; i < nodes_; ++i) {
    if (child_[i] <= i || child_[i] > child_[i + 1] || child_[i + 1] > nodes_) fail("is damaged");
  }
}

Segmenter::~Segmenter() {
  if (map_ != nullptr) munmap(map_, size_);
}

uint32_t Segmenter::find_child(uint32_t node, char32_t c) const {
  const uint32_t *first = label_ + child_[node], *last = label_ + child_[node + 1];
  const uint32_t* found = std::lower_bound(first, last, static_cast<uint32_t>(c));
  return found != last && *found == static_cast<uint32_t>(c) ? static_cast<uint32_t>(found - label_) : 0;
}

bool Segmenter::is_word(std::u32string_view text) const {
  uint32_t node = 0;
  for (char32_t c : text) {
    node = find_child(node, c);
    if (node == 0) return false;
  }
  return !std::isnan(weight_[node]);
}

const double* Segmenter::emissions(char32_t c) const {
  const uint32_t* found = std::lower_bound(character_, character_ + states_, static_cast<uint32_t>(c));
  if (found == character_ + states_ || *found != static_cast<uint32_t>(c)) return nullptr;
  return emit_ + 4 * (found - character_);
}

std::vector<std::u32string_view> Segmenter::cut(std::u32string_view text) const {
  std::vector<std::u32string_view> out;
  for (size_t at = 0; at < text.size();) {
    size_t start = at;
    if (in_block(text[at])) {
      while (at < text.size() && in_block(text[at])) ++at;
      cut_words(text.substr(start, at - start), out);
    } else {
      at += text.substr(at, 2) == U"\r\n" ? 2 : 1;
      out.push_back(text.substr(start, at - start));
    }
  }
  return out;
}

void Segmenter::cut_words(std::u32string_view block, std::vector<std::u32string_view>& out) const {
  const size_t n = block.size();
  std::vector<Step> route(n + 1, Step{0, 0});
  for (size_t i = n; i-- > 0;) {
    Step best{-INFINITY, i};
    bool any = false;
    uint32_t node = 0;
    for (size_t j = i; j < n && (node = find_child(node, block[j])) != 0; ++j) {
      if (std::isnan(weight_[node])) continue;
      double weight = weight_[node] + route[j + 1].weight;
      if (!any || weight >= best.weight) best = {weight, j};  // of equals the longer
      any = true;
    }
    if (!any) best = {unknown_ + route[i + 1].weight, i};
    route[i] = best;
  }
  size_t rest = 0;  // start of the run of single characters before `at`
  for (size_t at = 0; at < n;) {
    size_t end = route[at].end + 1;
    if (end - at > 1) {
      cut_rest(block.substr(rest, at - rest), out);
      out.push_back(block.substr(at, end - at));
      rest = end;
    }
    at = end;
  }
  cut_rest(block.substr(rest), out);
}

// A run of characters that the path left single.
void Segmenter::cut_rest(std::u32string_view rest, std::vector<std::u32string_view>& out) const {
  if (rest.size() <= 1 || is_word(rest)) {
    for (size_t i = 0; i < rest.size(); ++i) out.push_back(rest.substr(i, 1));
    return;
  }
  for (size_t at = 0; at < rest.size();) {
    size_t start = at;
    if (is_han(rest[at])) {
      while (at < rest.size() && is_han(rest[at])) ++at;
      cut_unknown(rest.substr(start, at - start), out);
    } else if (is_alnum(rest[at])) {
      // Letters and digits, perhaps a decimal part, perhaps a percent sign.
      while (at < rest.size() && is_alnum(rest[at])) ++at;
      if (at + 1 < rest.size() && rest[at] == '.' && is_digit(rest[at + 1])) {
        ++at;
        while (at < rest.size() && is_digit(rest[at])) ++at;
      }
      if (at < rest.size() && rest[at] == '%') ++at;
      out.push_back(rest.substr(start, at - start));
    } else {
      while (at < rest.size() && !is_han(rest[at]) && !is_alnum(rest[at])) ++at;
      out.push_back(rest.substr(start, at - start));
    }
  }
}

// Viterbi over the states begin, middle, end, single.
void Segmenter::cut_unknown(std::u32string_view run, std::vector<std::u32string_view>& out) const {
  // What may stand before each state; of equals the one that Python's max prefers (the later letter) comes second.
  static constexpr State before[4][2] = {{E, S}, {B, M}, {B, M}, {E, S}};
  static constexpr std::array<double, 4> nowhere{kImpossible, kImpossible, kImpossible, kImpossible};
  std::vector<std::array<State, 4>> from(run.size());
  std::array<double, 4> value{}, next{};
  for (size_t t = 0; t < run.size(); ++t) {
    const double* emit = emissions(run[t]);
    if (emit == nullptr) emit = nowhere.data();
    for (State y : {B, M, E, S}) {
      if (t == 0) {
        next[y] = start_[y] + emit[y];
        continue;
      }
      State a = before[y][0], b = before[y][1];
      double by_a = value[a] + trans_[4 * a + y] + emit[y], by_b = value[b] + trans_[4 * b + y] + emit[y];
      from[t][y] = by_b >= by_a ? b : a;
      next[y] = std::max(by_a, by_b);
    }
    value = next;
  }
  std::vector<State> states(run.size());
  State state = value[S] >= value[E] ? S : E;
  for (size_t t = run.size(); t-- > 0;) {
    states[t] = state;
    if (t > 0) state = from[t][state];
  }
  size_t begin = 0, done = 0;
  for (size_t t = 0; t < run.size(); ++t) {
    if (states[t] == B) {
      begin = t;
    } else if (states[t] == E) {
      out.push_back(run.substr(begin, t + 1 - begin));
      done = t + 1;
    } else if (states[t] == S) {
      out.push_back(run.substr(t, 1));
      done = t + 1;
    }
  }
  if (done < run.size()) out.push_back(run.substr(done));
}

}  // namespace golong::plugins
