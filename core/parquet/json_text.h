// Parquet's nested columns as JSON: the text that the same row would be in a JSONL file.
#pragma once
#include <arrow/record_batch.h>

#include <cstdint>
#include <string>

namespace golong::parquet {

// Row `index` of the batch as a JSON object, spaced as Python's json.dumps does. A column and a member of a struct that
// is null is left out (Parquet gives every row the columns of all rows); a null within a list stays. Lists and texts of
// each of Arrow's layouts are read, dictionaries resolved, bytes taken as text; dates and times are their ISO text.
//
// `reward_model`, `extra_info` and `reward_model.ground_truth` may be texts that hold the JSON of the struct that
// stands there otherwise. A text in ground_truth that is none is an answer, as in JSONL.
std::string row_json(const arrow::RecordBatch& batch, int64_t index);

}  // namespace golong::parquet
