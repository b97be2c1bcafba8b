// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Model folders with tokenizers small enough to reason about, of the two kinds that the
// supported families use.

#ifndef IMPRINT_TESTS_TEXT_MODEL_FOLDER_H_
#define IMPRINT_TESTS_TEXT_MODEL_FOLDER_H_

#include <filesystem>
#include <string>
#include <string_view>

#include "nlohmann/json.hpp"

namespace imprint::text {

// A folder below the temporary directory, removed with the object.
class ModelFolder {
 public:
  ModelFolder();
  ~ModelFolder();
  ModelFolder(const ModelFolder&) = delete;
  ModelFolder& operator=(const ModelFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  void Write(const std::string& name, std::string_view contents) const;
  void WriteJson(const std::string& name, const nlohmann::json& contents) const;
  void Remove(const std::string& name) const;

 private:
  std::filesystem::path path_;
};

inline constexpr int kEndOfText = 0;  // <|endoftext|>
inline constexpr int kImStart = 1;    // <|im_start|>
inline constexpr int kImEnd = 2;      // <|im_end|>
inline constexpr int kThink = 3;      // <think>: added, and not called special

// Byte-level BPE as GPT-2, Llama 3 and Qwen have it: every byte is a token, and "hello",
// " hello" and the first two bytes of an emoji are one each.
nlohmann::json ByteLevelTokenizer();

// BPE with "▁" for spaces and tokens <0x00> to <0xFF> for what has no token, as
// SentencePiece models have it: Llama 2, Mistral. Adds <s> (id 1) to every text.
nlohmann::json SentencePieceTokenizer();

// ChatML, with the special tokens above.
nlohmann::json ChatMlConfig();

}  // namespace imprint::text

#endif  // IMPRINT_TESTS_TEXT_MODEL_FOLDER_H_
