// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Text to token ids and back, as a model folder's tokenizer.json says.

#ifndef IMPRINT_SERVER_TEXT_TOKENIZER_H_
#define IMPRINT_SERVER_TEXT_TOKENIZER_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

struct ImprintTextTokenizer;

namespace imprint::text {

// Immutable; thread-safe.
//
// A control token is one that only the server may write: the tokens that tokenizer.json
// calls special, and added ones that the chat template names.
class Tokenizer {
 public:
  // How the text of a control token ("<|im_end|>") is read.
  enum class ControlTokens {
    kRecognise,  // It becomes the token: for text that the chat template rendered.
    kAsText,     // It is ordinary text: for text that somebody sent.
  };

  // Reads `dir`/tokenizer.json. `chat_template` is the template's source, or empty.
  // NOT_FOUND without the file, INVALID_ARGUMENT when it is broken; both name it.
  static absl::StatusOr<std::unique_ptr<Tokenizer>> Load(const std::filesystem::path& dir,
                                                         std::string_view chat_template = {});

  ~Tokenizer();
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  // With `add_special`, what the tokenizer adds to every text: BOS, for the families that
  // have it. INVALID_ARGUMENT when `text` is not UTF-8, or when with kAsText it contains a
  // control token that the vocabulary has no other way to write.
  absl::StatusOr<std::vector<int32_t>> Encode(std::string_view text, bool add_special,
                                              ControlTokens control_tokens) const;

  // Always valid UTF-8: bytes that make no character become U+FFFD. Ids that the tokenizer
  // does not have are passed over. INVALID_ARGUMENT for a negative id.
  absl::StatusOr<std::string> Decode(absl::Span<const int32_t> ids, bool skip_special) const;

  // The largest id, plus one. The model's embedding may be larger.
  int32_t vocab_size() const { return vocab_size_; }

  // The id of exactly this token; nullopt where there is none.
  std::optional<int32_t> IdOf(std::string_view token) const;

  bool IsControl(int32_t id) const { return control_ids_.contains(id); }
  // The texts of the control tokens, longest first.
  const std::vector<std::string>& control_tokens() const { return control_tokens_; }

 private:
  Tokenizer() = default;

  struct Free {
    void operator()(ImprintTextTokenizer* tokenizer) const;
  };

  std::unique_ptr<ImprintTextTokenizer, Free> tokenizer_;
  int32_t vocab_size_ = 0;
  absl::flat_hash_set<int32_t> control_ids_;
  std::vector<std::string> control_tokens_;
};

}  // namespace imprint::text

#endif  // IMPRINT_SERVER_TEXT_TOKENIZER_H_
