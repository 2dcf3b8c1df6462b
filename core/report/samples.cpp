#include "core/report/samples.h"

#include <boost/json.hpp>

#include "core/base/error.h"
#include "core/base/json_writer.h"

namespace golong {

namespace json = boost::json;

namespace {

json::value optional(const std::optional<double>& value) { return value ? json::value(*value) : json::value(nullptr); }

// Reads one line's members; messages name file and line.
struct Reader {
  const json::object& object;
  const std::string where;

  std::string text(const char* key) const {
    const json::value* value = object.if_contains(key);
    if (!value || !value->is_string()) fail(where, ": expected text in \"", key, "\"");
    return std::string(value->get_string());
  }
  std::optional<double> number(const char* key) const {
    const json::value* value = object.if_contains(key);
    if (!value || value->is_null()) return std::nullopt;
    if (!value->is_number()) fail(where, ": expected a number or null in \"", key, "\"");
    return value->to_number<double>();
  }
};

}  // namespace

std::string text_tail(const std::string& text, size_t characters) {
  size_t begin = text.size();
  while (begin > 0 && characters > 0) {
    --begin;
    while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
    --characters;
  }
  return begin == 0 ? text : "..." + text.substr(begin);
}

SampleWriter::SampleWriter(const std::filesystem::path& path, std::optional<int64_t> resumed_step)
    : file_(path, resumed_step) {}

void SampleWriter::write(const Sample& sample) {
  const json::object object{{"step", sample.step},
                            {"task", sample.task},
                            {"reward", sample.reward},
                            {"uid", sample.uid},
                            {"prompt", sample.prompt},
                            {"response", sample.response},
                            {"gold", sample.gold},
                            {"score", optional(sample.score)},
                            {"outcome", sample.outcome},
                            {"detail", sample.detail},
                            {"advantage", optional(sample.advantage)}};
  file_.append(sample.step, to_json(object));
}

std::vector<Sample> read_samples(const std::filesystem::path& path) {
  std::vector<Sample> samples;
  read_step_file(path, [&](int64_t step, std::string_view line, size_t number) {
    const json::value value = json::parse(json::string_view(line.data(), line.size()));
    const Reader read{value.get_object(), path.string() + ":" + std::to_string(number)};
    samples.push_back({step, read.text("task"), read.text("reward"), read.text("uid"), read.text("prompt"),
                       read.text("response"), read.text("gold"), read.number("score"), read.text("outcome"),
                       read.text("detail"), read.number("advantage")});
  });
  return samples;
}

}  // namespace golong
