// Groups as bytes, every bit of them: for checkpoints, and from rank to rank. Decoding throws Error where the bytes are
// not what encoding writes.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "core/base/bytes.h"
#include "core/data/group.h"

namespace golong {

std::string encode_groups(const std::vector<Group>& groups);
std::vector<Group> decode_groups(std::string_view bytes);

void encode_responses(Encoder& out, const std::vector<Response>& responses);
std::vector<Response> decode_responses(Decoder& in);

}  // namespace golong
