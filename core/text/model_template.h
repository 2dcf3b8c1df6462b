// The chat template that a model brings along: Jinja, which golong does not run. What is told of it are marks.
#pragma once
#include <filesystem>
#include <string>

namespace golong {

// The name of the template (text/chat_template.h) that the Jinja text is another form of, "" where it bears none of
// their marks.
std::string recognised_template(const std::string& jinja);

// What a user should hear where the template of a model's folder (chat_template.jinja, else tokenizer_config.json) is
// another than `used`; "" where it is the same or there is none. `setting`: how `used` was set, "model.chat_template".
std::string other_template(const std::filesystem::path& folder, const std::string& used, const std::string& setting);

}  // namespace golong
