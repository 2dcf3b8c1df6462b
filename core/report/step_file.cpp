#include "core/report/step_file.h"

#include <boost/json.hpp>
#include <cassert>

#include "core/base/error.h"
#include "core/base/file.h"

namespace golong {

namespace json = boost::json;

namespace {

int64_t step_of(std::string_view line, const std::string& where) {
  boost::system::error_code error;
  const json::value value = json::parse(json::string_view(line.data(), line.size()), error);
  if (error) fail(where, ": not JSON (", error.message(), ")");
  const json::object* object = value.if_object();
  const json::value* step = object ? object->if_contains("step") : nullptr;
  if (!step || !step->is_int64()) fail(where, ": expected an object with an integer \"step\"");
  return step->get_int64();
}

}  // namespace

void read_step_file(const std::filesystem::path& path,
                    const std::function<void(int64_t, std::string_view, size_t)>& row) {
  const std::string text = read_file(path);
  std::optional<int64_t> last;
  size_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;  // the run was killed while it wrote this line
    const std::string_view line(text.data() + begin, end - begin);
    begin = end + 1;
    const std::string where = path.string() + ":" + std::to_string(++number);
    const int64_t step = step_of(line, where);
    if (last && step < *last) fail(where, ": step ", step, " comes after step ", *last);
    last = step;
    row(step, line, number);
  }
}

StepFile::StepFile(const std::filesystem::path& path, std::optional<int64_t> resumed_step) : path_(path) {
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path());
  std::string kept;
  if (resumed_step && std::filesystem::exists(path)) {
    read_step_file(path, [&](int64_t step, std::string_view line, size_t) {
      if (step > *resumed_step) return;
      kept.append(line).append("\n");
      last_step_ = step;
    });
  }
  open(kept);
}

void StepFile::open(const std::string& contents) {
  write_file_atomic(path_, contents);
  out_ = std::ofstream(path_, std::ios::app | std::ios::binary);
  if (!out_) fail(path_.string(), ": cannot be opened for writing");
}

void StepFile::replace_last(std::string_view line) {
  assert(last_step_);
  std::string contents = read_file(path_);
  contents.resize(contents.rfind('\n', contents.size() - 2) + 1);  // 0 where there is one line alone
  open(contents.append(line).append("\n"));
}

void StepFile::append(int64_t step, std::string_view line) {
  if (last_step_ && step < *last_step_) {
    fail(path_.string(), ": step ", step, " cannot be written after step ", *last_step_);
  }
  out_ << line << '\n' << std::flush;
  if (!out_) fail(path_.string(), ": cannot be written; is the disk full?");
  last_step_ = step;
}

}  // namespace golong
