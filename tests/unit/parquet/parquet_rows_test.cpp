// Parquet files that Arrow writes here, read back through RowFile as a run reads them.
#include <arrow/api.h>
#include <arrow/io/file.h>
#include <gmock/gmock.h>
#include <parquet/arrow/writer.h>

#include <atomic>
#include <cmath>

#include "core/data/parallel.h"
#include "tests/unit/data/data_fixture.h"

namespace golong {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// The value of an arrow::Result, or the status of an arrow::Status: the test fails where it is an error.
template <class T>
T value_of(arrow::Result<T> result) {
  if (!result.ok()) fail(result.status().ToString());
  return std::move(result).ValueUnsafe();
}
void check(const arrow::Status& status) {
  if (!status.ok()) fail(status.ToString());
}

std::shared_ptr<arrow::Array> texts(const std::vector<std::string>& values) {
  arrow::StringBuilder builder;
  check(builder.AppendValues(values));
  return value_of(builder.Finish());
}

std::shared_ptr<arrow::Array> numbers(const std::vector<int64_t>& values) {
  arrow::Int64Builder builder;
  check(builder.AppendValues(values));
  return value_of(builder.Finish());
}

std::shared_ptr<arrow::Table> table(const std::vector<std::pair<std::string, std::shared_ptr<arrow::Array>>>& columns) {
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  for (const auto& [name, array] : columns) {
    fields.push_back(arrow::field(name, array->type()));
    arrays.push_back(array);
  }
  return arrow::Table::Make(arrow::schema(fields), arrays);
}

class ParquetTest : public DataTest {
 protected:
  std::string write_table(const std::string& name, const arrow::Table& rows, int64_t group_rows = 1 << 20) const {
    const std::string path = (folder_ / name).string();
    const auto file = value_of(arrow::io::FileOutputStream::Open(path));
    const auto schema_kept = parquet::ArrowWriterProperties::Builder().store_schema()->build();
    check(parquet::arrow::WriteTable(rows, arrow::default_memory_pool(), file, group_rows,
                                     parquet::default_writer_properties(), schema_kept));
    check(file->Close());
    return path;
  }

  // What RowFile makes of a single column `id` with one value.
  std::string id_of(const std::shared_ptr<arrow::Array>& array) const {
    const RowFile file(write_table("one.parquet", *table({{"id", array}})));
    return file.line(0);
  }

  std::string numbered(size_t rows, int64_t group_rows, size_t padding = 0) const {
    std::vector<std::string> ids;
    for (size_t i = 0; i < rows; ++i) ids.push_back(std::to_string(i) + std::string(padding, '.'));
    return write_table("numbered.parquet", *table({{"id", texts(ids)}}), group_rows);
  }
};

TEST_F(ParquetTest, ReadsByIndexAcrossRowGroups) {
  const RowFile file(numbered(2500, 300));
  ASSERT_EQ(file.size(), 2500u);
  for (size_t i : {2499, 0, 299, 300, 7, 6, 1800, 1799, 2499}) EXPECT_EQ(file.read(i).id, std::to_string(i));
  EXPECT_EQ(file.line_number(6), 7u);
  EXPECT_EQ(file.where(6), (folder_ / "numbered.parquet").string() + ":7");
  EXPECT_EQ(file.fingerprint().size(), 32u);
  EXPECT_THAT(error_of([&] { file.line(2500); }), HasSubstr("there is no row 2501, the file has 2500"));
}

// One row group of 100 MB: read in batches of 8 MB, backwards and forwards, from several threads.
TEST_F(ParquetTest, ReadsWithinALargeRowGroup) {
  const RowFile file(numbered(1000, 1000, 100000));
  for (size_t i : {999, 500, 0, 501})
    EXPECT_EQ(file.line(i).substr(0, 10), ("{\"id\": \"" + std::to_string(i) + "..").substr(0, 10));
  std::atomic<size_t> wrong = 0;
  parallel_for(1000, [&](size_t i) { wrong += !file.line(i).starts_with("{\"id\": \"" + std::to_string(i) + "."); });
  EXPECT_EQ(wrong, 0u);
}

TEST_F(ParquetTest, EachLayoutOfATextIsTheSameText) {
  const std::string expected = "{\"id\": \"\\\"Ж\\n\"}";
  const auto text = texts({"\"Ж\n"});
  EXPECT_EQ(id_of(text), expected);
  for (const auto& type : {arrow::large_utf8(), arrow::binary(), arrow::large_binary(), arrow::utf8_view()}) {
    std::unique_ptr<arrow::ArrayBuilder> builder;
    check(arrow::MakeBuilder(arrow::default_memory_pool(), type, &builder));
    check(builder->AppendScalar(*value_of(arrow::MakeScalar(type, arrow::Buffer::FromString("\"Ж\n")))));
    EXPECT_EQ(id_of(value_of(builder->Finish())), expected) << type->ToString();
  }
  EXPECT_EQ(id_of(value_of(arrow::DictionaryArray::FromArrays(
                value_of(arrow::MakeArrayFromScalar(arrow::Int32Scalar(0), 1)), text))),
            expected);
}

TEST_F(ParquetTest, EachLayoutOfAListIsTheSameList) {
  const auto items = texts({"a", "b"});
  const auto offsets = [](const std::shared_ptr<arrow::DataType>& type, int64_t end) {
    std::unique_ptr<arrow::ArrayBuilder> builder;
    check(arrow::MakeBuilder(arrow::default_memory_pool(), type, &builder));
    check(builder->AppendScalar(*value_of(arrow::MakeScalar(type, 0))));
    check(builder->AppendScalar(*value_of(arrow::MakeScalar(type, end))));
    return value_of(builder->Finish());
  };
  const std::string expected = "{\"id\": [\"a\", \"b\"]}";
  EXPECT_EQ(id_of(value_of(arrow::ListArray::FromArrays(*offsets(arrow::int32(), 2), *items))), expected);
  EXPECT_EQ(id_of(value_of(arrow::LargeListArray::FromArrays(*offsets(arrow::int64(), 2), *items))), expected);
  EXPECT_EQ(id_of(value_of(arrow::FixedSizeListArray::FromArrays(items, 2))), expected);
}

TEST_F(ParquetTest, NumbersAreAsPythonWritesThem) {
  arrow::DoubleBuilder doubles;
  check(doubles.AppendValues(std::vector<double>{1, 0.1, 1e300, -0.0, std::nan("")}));
  const RowFile file(write_table("numbers.parquet", *table({{"id", value_of(doubles.Finish())}})));
  std::vector<std::string> lines;
  for (size_t i = 0; i < file.size(); ++i) lines.push_back(file.line(i));
  EXPECT_THAT(lines,
              ElementsAre("{\"id\": 1.0}", "{\"id\": 0.1}", "{\"id\": 1e+300}", "{\"id\": -0.0}", "{\"id\": NaN}"));
  EXPECT_EQ(id_of(numbers({-9007199254740993})), "{\"id\": -9007199254740993}");
}

TEST_F(ParquetTest, WhatIsNullIsLeftOutOfARowAndAStruct) {
  const auto nothing = value_of(arrow::MakeArrayOfNull(arrow::utf8(), 1));
  const auto model =
      value_of(arrow::StructArray::Make({texts({"x"}), nothing}, std::vector<std::string>{"golden_label", "summary"}));
  const auto gold = value_of(arrow::StructArray::Make({model}, std::vector<std::string>{"ground_truth"}));
  const RowFile file(write_table(
      "nulls.parquet",
      *table(
          {{"reward_model", gold}, {"id", nothing}, {"ability", value_of(arrow::MakeArrayOfNull(arrow::null(), 1))}})));
  EXPECT_EQ(file.line(0), "{\"reward_model\": {\"ground_truth\": {\"golden_label\": \"x\"}}}");
}

TEST_F(ParquetTest, TextsThatHoldTheJsonOfAStruct) {
  const auto gold_of = [&](const std::string& text) {
    const auto model = value_of(arrow::StructArray::Make({texts({text})}, std::vector<std::string>{"ground_truth"}));
    return RowFile(write_table("gold.parquet", *table({{"reward_model", model}}))).read(0).gold;
  };
  EXPECT_THAT(gold_of(R"({"doc_ids": ["a", "b"]})").items, ElementsAre("a", "b"));
  EXPECT_EQ(gold_of(R"(["x", {"golden_label": 7.50}])").label, "7.5");
  EXPECT_EQ(gold_of(R"({"data": [[1]]})").json, R"({"data": [[1]]})");
  // Answers that look like JSON stay what they are.
  for (const std::string answer : {"[1, 2]", "7.50", "{\"a\": 1}", "{x", "null"})
    EXPECT_EQ(gold_of(answer).label, answer);
  const RowFile whole(write_table("whole.parquet", *table({{"extra_info", texts({R"({"reward_mode": "NDCG"})"})},
                                                           {"reward_model", texts({R"({"ground_truth": "x"})"})}})));
  EXPECT_EQ(whole.read(0).reward_mode, "NDCG");
  EXPECT_EQ(whole.read(0).gold.label, "x");
}

TEST_F(ParquetTest, MistakesNameFileRowAndColumn) {
  const std::string good = numbered(100, 10, 1000);
  const std::string bytes = read_file(good);
  const auto error = [&](const std::string& path) { return error_of([&] { RowFile(path).line(0); }); };
  EXPECT_THAT(error(write("cut.parquet", bytes.substr(0, bytes.size() / 2))),
              HasSubstr("cut.parquet: this is no Parquet file, or it is cut off"));
  EXPECT_THAT(error(write("no_ending", bytes.substr(0, 9))),
              HasSubstr("no_ending: this is no Parquet file, or it is cut off"));
  EXPECT_THAT(error(write("empty.parquet", "")), HasSubstr("empty.parquet: this is no Parquet file"));
  EXPECT_THAT(error(write("text.parquet", "{\"id\": 1}\n")), HasSubstr("text.parquet: this is no Parquet file"));
  EXPECT_THAT(error(write_table("others.parquet", *table({{"a", texts({"x"})}, {"b", texts({"x"})}}))),
              HasSubstr("others.parquet: there is none of the columns id, data_source"));
  EXPECT_THAT(error(write_table("others.parquet", *table({{"a", texts({"x"})}, {"b", texts({"x"})}}))),
              HasSubstr("the file has a, b"));
  const RowFile wrong(write_table("wrong.parquet", *table({{"data_source", numbers({1, 2})}})));
  EXPECT_THAT(error_of([&] { wrong.read(1); }),
              HasSubstr("wrong.parquet:2: column data_source is a number, expected a string"));
}

// Bytes of the first row groups are overwritten: what can be read is read, what cannot is an error with its row.
TEST_F(ParquetTest, ADamagedPageIsAnErrorOfItsRows) {
  std::string bytes = read_file(numbered(100, 10, 1000));
  std::fill_n(bytes.begin() + 4, 60, '\xff');
  const RowFile file(write("damaged.parquet", bytes));
  for (size_t i = 0; i < 10; ++i) {
    EXPECT_THAT(error_of([&] { file.line(i); }),
                HasSubstr("damaged.parquet:" + std::to_string(i + 1) +
                          ": the row cannot be read: row group 1 of 10 (rows 1 to 10) is damaged from row 1 on: "));
  }
  EXPECT_TRUE(file.line(99).starts_with("{\"id\": \"99."));
  EXPECT_TRUE(file.line(10).starts_with("{\"id\": \"10."));
}

// One row group of 100 MB, read in batches: the rows before the damage are there, in whatever order they are asked for.
TEST_F(ParquetTest, RowsBeforeTheDamageAreRead) {
  const std::string path = (folder_ / "long.parquet").string();
  std::vector<std::string> ids;
  for (size_t i = 0; i < 1000; ++i) ids.push_back(std::to_string(i) + std::string(100000, '.'));
  const auto file_out = value_of(arrow::io::FileOutputStream::Open(path));
  // Ten rows to a page: a page is read or damaged as a whole.
  const auto plain =
      parquet::WriterProperties::Builder().disable_dictionary()->enable_page_checksum()->write_batch_size(10)->build();
  check(parquet::arrow::WriteTable(*table({{"id", texts(ids)}}), arrow::default_memory_pool(), file_out, 1000, plain));
  check(file_out->Close());
  std::string bytes = read_file(path);
  bytes[bytes.size() / 2] ^= 1;  // one bit, which only the checksum tells
  const RowFile file(write("long.parquet", bytes));
  EXPECT_THAT(error_of([&] { file.line(999); }), HasSubstr("row group 1 of 1 (rows 1 to 1000) is damaged from row "));
  EXPECT_TRUE(file.line(0).starts_with("{\"id\": \"0."));
  EXPECT_TRUE(file.line(300).starts_with("{\"id\": \"300."));
  EXPECT_THAT(error_of([&] { file.line(600); }), HasSubstr("long.parquet:601: the row cannot be read"));
}

TEST_F(ParquetTest, ShardsAreADataset) {
  const auto shard = [&](const std::string& name, const std::string& question) {
    const auto gold = value_of(arrow::StructArray::Make({texts({"L"})}, std::vector<std::string>{"golden_label"}));
    write_table(name, *table({{"data_source", texts({"EM"})},
                              {"prompt", texts({question})},
                              {"reward_model",
                               value_of(arrow::StructArray::Make({gold}, std::vector<std::string>{"ground_truth"}))}}));
  };
  shard("train-00001.parquet", "second?");
  shard("train-00000.parquet", "first?");
  write("notes.txt", "no rows");
  const auto prompts = [&](const std::string& name) {
    const auto data = dataset({name});
    std::vector<std::string> texts;
    for (size_t i = 0; i < data->size(); ++i) texts.push_back(tokenizer()->decode(data->prompt(i).token_ids, true));
    return texts;
  };
  const auto both = ElementsAre(HasSubstr("first?"), HasSubstr("second?"));
  EXPECT_THAT(prompts((folder_ / "*.parquet").string()), both);
  EXPECT_THAT(prompts(folder_.string()), both);
  EXPECT_THAT(prompts((folder_ / "*1.parquet").string()), ElementsAre(HasSubstr("second?")));
  EXPECT_THAT(error_of([&] { dataset({(folder_ / "*.json").string()}); }), HasSubstr("there is no file"));
}

}  // namespace
}  // namespace golong
