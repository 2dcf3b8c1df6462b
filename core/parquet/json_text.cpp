#include "core/parquet/json_text.h"

#include <arrow/array.h>
#include <arrow/extension_type.h>
#include <arrow/scalar.h>

#include <charconv>
#include <cmath>
#include <string_view>

#include "core/base/error.h"
#include "core/data/json_slice.h"

namespace golong::parquet {
namespace {

using arrow::Array;
using Kind = JsonSlice::Kind;

// Whether `value` is a ground truth in the form of a struct (or a list that ends with one), and no answer that happens
// to look like JSON: the answer "[1, 2]" is an interval.
bool is_gold_struct(JsonSlice value) {
  if (value.is(Kind::array)) {
    const auto elements = value.elements();
    if (elements.empty()) return false;
    value = elements.back();
  }
  if (!value.is(Kind::object)) return false;
  const auto members = value.members();
  return members.contains("doc_ids") || members.contains("golden_label") || members.contains("summary") ||
         members.contains("data");
}

// Whether the text in the column `path` stands for the JSON that it holds.
bool holds_json(const std::string& path, std::string_view text) {
  const bool is_struct = path == "reward_model" || path == "extra_info";
  if (!is_struct && path != "reward_model.ground_truth") return false;
  if (text.find('{') == std::string_view::npos) return false;
  try {
    const JsonSlice value = JsonSlice::parse(text);
    return is_struct ? value.is(Kind::object) : is_gold_struct(value);
  } catch (const Error&) {
    return false;  // a text like any other
  }
}

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  // `path` names the columns that lead to the array ("reward_model.ground_truth"); "" within a list.
  void value(const Array& array, int64_t i, const std::string& path);

  void member(bool& first, const std::string& name, const Array& array, int64_t i, const std::string& path) {
    out_ += first ? "" : ", ";
    first = false;
    out_ += json_quote(name) + ": ";
    value(array, i, path);
  }

 private:
  void text(std::string_view text, const std::string& path) {
    if (holds_json(path, text)) {
      out_ += text;
    } else {
      out_ += json_quote(text);
    }
  }

  template <class T>
  void integer(const Array& array, int64_t i) {
    out_ += std::to_string(static_cast<const T&>(array).Value(i));
  }

  void number(double value) {
    if (!std::isfinite(value)) {
      out_ += std::isnan(value) ? "NaN" : value < 0 ? "-Infinity" : "Infinity";
      return;
    }
    char buffer[40];
    const std::string_view digits(buffer,
                                  static_cast<size_t>(std::to_chars(buffer, std::end(buffer), value).ptr - buffer));
    out_ += digits;
    if (digits.find_first_of(".e") == std::string_view::npos) out_ += ".0";
  }

  template <class T>
  void list(const Array& array, int64_t i) {
    const auto& lists = static_cast<const T&>(array);
    out_ += '[';
    for (int64_t k = 0; k < lists.value_length(i); ++k) {
      if (k > 0) out_ += ", ";
      value(*lists.values(), lists.value_offset(i) + k, "");
    }
    out_ += ']';
  }

  void object(const arrow::StructArray& array, int64_t i, const std::string& path) {
    out_ += '{';
    bool first = true;
    std::string prefix = path;
    if (!prefix.empty()) prefix += '.';
    for (int f = 0; f < array.num_fields(); ++f) {
      const std::shared_ptr<Array> field = array.field(f);
      const std::string& name = array.struct_type()->field(f)->name();
      if (!field->IsNull(i)) member(first, name, *field, i, std::string(prefix).append(name));
    }
    out_ += '}';
  }

  void map(const arrow::MapArray& array, int64_t i) {
    out_ += '{';
    for (int64_t k = array.value_offset(i); k < array.value_offset(i) + array.value_length(i); ++k) {
      if (k > array.value_offset(i)) out_ += ", ";
      std::string key;
      Writer(key).value(*array.keys(), k, "");
      out_ += (key.starts_with('"') ? key : json_quote(key)) + ": ";
      value(*array.items(), k, "");
    }
    out_ += '}';
  }

  std::string& out_;
};

void Writer::value(const Array& array, int64_t i, const std::string& path) {
  using Type = arrow::Type;
  if (array.IsNull(i)) {
    out_ += "null";
    return;
  }
  switch (array.type_id()) {
    case Type::STRING:
    case Type::BINARY:
      return text(static_cast<const arrow::BinaryArray&>(array).GetView(i), path);
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY:
      return text(static_cast<const arrow::LargeBinaryArray&>(array).GetView(i), path);
    case Type::STRING_VIEW:
    case Type::BINARY_VIEW:
      return text(static_cast<const arrow::BinaryViewArray&>(array).GetView(i), path);
    case Type::FIXED_SIZE_BINARY:
      return text(static_cast<const arrow::FixedSizeBinaryArray&>(array).GetView(i), path);
    case Type::BOOL:
      out_ += static_cast<const arrow::BooleanArray&>(array).Value(i) ? "true" : "false";
      return;
    case Type::INT8:
      return integer<arrow::Int8Array>(array, i);
    case Type::INT16:
      return integer<arrow::Int16Array>(array, i);
    case Type::INT32:
      return integer<arrow::Int32Array>(array, i);
    case Type::INT64:
      return integer<arrow::Int64Array>(array, i);
    case Type::UINT8:
      return integer<arrow::UInt8Array>(array, i);
    case Type::UINT16:
      return integer<arrow::UInt16Array>(array, i);
    case Type::UINT32:
      return integer<arrow::UInt32Array>(array, i);
    case Type::UINT64:
      return integer<arrow::UInt64Array>(array, i);
    case Type::FLOAT:
      return number(static_cast<const arrow::FloatArray&>(array).Value(i));
    case Type::DOUBLE:
      return number(static_cast<const arrow::DoubleArray&>(array).Value(i));
    case Type::LIST:
      return list<arrow::ListArray>(array, i);
    case Type::LARGE_LIST:
      return list<arrow::LargeListArray>(array, i);
    case Type::FIXED_SIZE_LIST:
      return list<arrow::FixedSizeListArray>(array, i);
    case Type::LIST_VIEW:
      return list<arrow::ListViewArray>(array, i);
    case Type::LARGE_LIST_VIEW:
      return list<arrow::LargeListViewArray>(array, i);
    case Type::MAP:
      return map(static_cast<const arrow::MapArray&>(array), i);
    case Type::STRUCT:
      return object(static_cast<const arrow::StructArray&>(array), i, path);
    case Type::DICTIONARY: {
      const auto& dictionary = static_cast<const arrow::DictionaryArray&>(array);
      return value(*dictionary.dictionary(), dictionary.GetValueIndex(i), path);
    }
    case Type::EXTENSION:
      return value(*static_cast<const arrow::ExtensionArray&>(array).storage(), i, path);
    default: {
      const auto scalar = array.GetScalar(i);
      if (!scalar.ok())
        fail("a value of type ", array.type()->ToString(), " cannot be read: ", scalar.status().message());
      const std::string written = (*scalar)->ToString();
      out_ += arrow::is_decimal(array.type_id()) ? written : json_quote(written);
    }
  }
}

}  // namespace

std::string row_json(const arrow::RecordBatch& batch, int64_t index) {
  std::string json = "{";
  Writer writer(json);
  bool first = true;
  for (int column = 0; column < batch.num_columns(); ++column) {
    const std::string& name = batch.column_name(column);
    if (!batch.column(column)->IsNull(index)) writer.member(first, name, *batch.column(column), index, name);
  }
  return json + "}";
}

}  // namespace golong::parquet
