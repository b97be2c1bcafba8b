// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Lets an endpoint of another, stronger model write questions and answers about a chunk. The
// teacher of what it writes is still the base model with the context in its prompt.

#ifndef IMPRINT_SERVER_GENERATOR_REMOTE_WRITER_H_
#define IMPRINT_SERVER_GENERATOR_REMOTE_WRITER_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/generator/remote_endpoint.h"
#include "server/generator/restate.h"

namespace imprint::generator {

// Thread-safe.
class RemoteWriter {
 public:
  explicit RemoteWriter(std::unique_ptr<RemoteEndpoint> endpoint)
      : endpoint_(std::move(endpoint)) {}

  // Up to `count` exchanges about `chunk`, no question twice, each IsBorneOut and such that
  // `fits`. It is asked in rounds, each told of the questions before it, until there are enough
  // or a round brings nothing new: fewer then. An error of the endpoint in a later round ends
  // them, in the first it is given back; CANCELLED always is. The same chunk and the same
  // responses give the same exchanges.
  absl::StatusOr<std::vector<Exchange>> Write(const std::string& chunk, int count,
                                              const std::function<bool(const Exchange&)>& fits,
                                              const std::function<bool()>& cancelled) const;

 private:
  const std::unique_ptr<RemoteEndpoint> endpoint_;
};

}  // namespace imprint::generator

#endif  // IMPRINT_SERVER_GENERATOR_REMOTE_WRITER_H_
