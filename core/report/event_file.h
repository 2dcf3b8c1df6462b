// The bytes of TensorBoard's event files: a TFRecord for each Event, TensorFlow's protobuf message of
// tensorflow/core/util/event.proto. Three kinds of it make a curve, and are encoded here.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "core/report/metrics.h"

namespace golong {

// length [8], masked CRC-32C of those bytes [4], data, masked CRC-32C of the data [4]; numbers are little-endian.
std::string tf_record(std::string_view data);

// Encoded Events. `wall_time`: seconds since 1970.
std::string version_event(double wall_time);  // the first one of a file
std::string session_start_event(double wall_time,
                                int64_t step);  // what was written before of this step and later is void
std::string scalars_event(double wall_time, int64_t step, const Metrics& metrics);  // numbers become float32

// Bytes of a file of such records up to the first Event of a step after `step`; up to a torn record or one that is not
// written here where that comes first.
size_t bytes_up_to_step(std::string_view file, int64_t step);

}  // namespace golong
