// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Finds stop strings in text that arrives in pieces.

#ifndef IMPRINT_SERVER_ENGINE_STOP_MATCHER_H_
#define IMPRINT_SERVER_ENGINE_STOP_MATCHER_H_

#include <string>
#include <string_view>
#include <vector>

namespace imprint::engine {

// Text that may be the beginning of a stop string is held back until the next piece
// decides. Where pieces and stop strings are whole UTF-8 characters, so is what comes out:
// a match can only begin where a character does. Not thread-safe.
class StopMatcher {
 public:
  // Empty stop strings are ignored.
  explicit StopMatcher(std::vector<std::string> stop);

  // Gives the text that is certain not to belong to a stop string. Once a stop string was
  // met, `stopped` is true, the text before it has been given out and the rest is dropped.
  std::string Push(std::string_view piece);
  // The end of the text: gives what was held back.
  std::string Flush();

  bool stopped() const { return stopped_; }

 private:
  std::vector<std::string> stop_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace imprint::engine

#endif  // IMPRINT_SERVER_ENGINE_STOP_MATCHER_H_
