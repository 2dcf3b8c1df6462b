// Several files under one name.
#pragma once
#include <string>
#include <vector>

namespace golong {

// The files that `name` stands for, sorted by name: a file for itself; a folder for the .jsonl and .parquet files in
// it; "data/*.parquet" (with *, ? and [...]) for those that match. Empty where there is none. Throws Error for
// a folder that cannot be read.
std::vector<std::string> row_files(const std::string& name);

// row_files of each name in turn. Throws Error that names the one that stands for no file.
std::vector<std::string> all_row_files(const std::vector<std::string>& names);

// Why row_files found none.
std::string why_no_row_files(const std::string& name);

// For messages about a file that is not there: " (paths are relative to the working directory, /home/user)".
std::string relative_to_here();

}  // namespace golong
