// The options that all commands share which generate with a model.
#pragma once
#include "core/cli/command.h"
#include "core/train/api.h"

namespace golong {

// Returns the option --chat-template, for commands that can do without.
CLI::Option* add_generator_options(CLI::App& command, GeneratorOptions& options);

}  // namespace golong
