// `golong chat`: a conversation with a model.
#pragma once
#include "core/train/api.h"

namespace golong {

// Asks the terminal for what the user says and answers, turn by turn, until there is no more. What the turns before
// have in common with the present one is not computed again, but for their answers. "/new" begins a new conversation. A
// stop ends the present answer; what was said of it stays in the conversation. Throws Error where the model cannot be
// opened.
void chat(const ChatOptions& options, const ChatTerminal& terminal);

}  // namespace golong
