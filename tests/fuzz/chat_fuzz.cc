// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What somebody says, in chats of the families' templates: the first byte chooses the model, the
// rest are messages parted by 0x1e, each its role's first letter ("x" and 0x1f end a role of the
// input's own) and its content. However control tokens are written into it, the model gets those of
// the template and no others.

#include <memory>
#include <vector>

#include "common/utf8.h"
#include "nlohmann/json.hpp"
#include "server/text/control_text.h"
#include "server/text/stream_decoder.h"
#include "server/text/text_model.h"
#include "tests/fuzz/fuzz.h"
#include "tests/text/model_folder.h"

namespace imprint::fuzz {
namespace {

using text::ChatMessage;

// Templates that write each message once, whatever it says, as those of the families do.
constexpr const char* kTemplates[] = {
    // ChatML
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + "
    "message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\\n' }}{% endif %}",
    // Llama 3: trimmed
    "{% for m in messages %}{{ '<|start|>' + m.role + '<|end|>\\n\\n' + m.content | trim + "
    "'<|eot|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|start|>assistant<|end|>\\n\\n' }}"
    "{% endif %}",
    // Mistral: markers right beside the text
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}[INST]{{ m.content }}[/INST]"
    "{% else %}{{ m.content }}{{ eos_token }}{% endif %}{% endfor %}",
    // Thinking: markers that no tokenizer calls special
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}"
    "<think>\n\n</think>\n\n{% endif %}{{ m.content.strip() }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>{% endif %}",
    // None: the plain one
    nullptr,
};

// Beside those of the tokenizers: some begin as others do, or take white space with them.
constexpr const char* kMarkers[] = {"<|start|>", "<|end|>",  "<|eot|>",          "[INST]",
                                    "[/INST]",   "</think>", "<|im_start|>user", "<|"};

nlohmann::json WithMarkers(nlohmann::json tokenizer) {
  int id = 10'000;
  for (const char* marker : kMarkers) {
    const bool strips = std::string_view(marker) == "<|eot|>";
    tokenizer["added_tokens"].push_back({{"id", id++},
                                         {"content", marker},
                                         {"single_word", false},
                                         {"lstrip", strips},
                                         {"rstrip", strips},
                                         {"normalized", false},
                                         {"special", marker[1] == '|'}});
  }
  return tokenizer;
}

struct Model {
  std::unique_ptr<text::TextModel> text;
  std::unique_ptr<text::ChatTemplate> chat_template;
  bool is_lossless = false;
};

Model MakeModel(const nlohmann::json& tokenizer, const char* bos, const char* eos,
                const char* chat_template, bool is_lossless) {
  const text::ModelFolder folder;
  nlohmann::json config = {{"bos_token", bos}, {"eos_token", eos}};
  if (chat_template != nullptr) config["chat_template"] = chat_template;
  folder.WriteJson("tokenizer.json", tokenizer);
  folder.WriteJson("tokenizer_config.json", config);
  Model model;
  auto loaded = text::TextModel::Load(folder.path());
  FUZZ_CHECK(loaded.ok());
  model.text = *std::move(loaded);
  text::SpecialTokens special;
  special.bos = bos;
  special.eos = eos;
  auto parsed = text::ChatTemplate::Load(folder.path(), special);
  FUZZ_CHECK(parsed.ok());
  model.chat_template = *std::move(parsed);
  model.is_lossless = is_lossless;
  return model;
}

const std::vector<Model>& Models() {
  static const std::vector<Model> models = [] {
    std::vector<Model> made;
    const nlohmann::json bytes = text::ByteLevelTokenizer();
    const nlohmann::json pieces = text::SentencePieceTokenizer();
    for (const char* source : kTemplates) {
      made.push_back(MakeModel(bytes, "<|endoftext|>", "<|im_end|>", source, true));
      made.push_back(MakeModel(WithMarkers(bytes), "<|endoftext|>", "<|im_end|>", source, false));
      made.push_back(MakeModel(pieces, "<s>", "</s>", source, false));
    }
    return made;
  }();
  return models;
}

std::vector<ChatMessage> TakeMessages(Input& input) {
  std::vector<ChatMessage> messages;
  while (!input.empty() && messages.size() < 8) {
    std::string_view part = input.TakeUntil('\x1e');
    const char role = part.empty() ? 'u' : part.front();
    part.remove_prefix(part.empty() ? 0 : 1);
    ChatMessage& added = messages.emplace_back();
    added.role = role == 's' ? "system" : role == 'a' ? "assistant" : "user";
    if (role == 'x') {
      const size_t end = part.find('\x1f');
      added.role = part.substr(0, end);
      part = end == std::string_view::npos ? "" : part.substr(end + 1);
    }
    added.content = part;
  }
  return messages;
}

// In the order of `ids`.
std::vector<int32_t> ControlsOf(const text::Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
  std::vector<int32_t> controls;
  for (const int32_t id : ids) {
    FUZZ_CHECK(id >= 0 && id < tokenizer.vocab_size());
    if (tokenizer.IsControl(id)) controls.push_back(id);
  }
  return controls;
}

void CheckChat(const Model& model, const std::vector<ChatMessage>& messages, bool prompt) {
  const auto ids = model.text->EncodeChat(messages, prompt);
  if (!ids.ok()) {
    FUZZ_CHECK(absl::IsInvalidArgument(ids.status()));
    return;
  }
  std::vector<ChatMessage> harmless = messages;
  for (ChatMessage& message : harmless) {
    if (message.role != "user" && message.role != "assistant") message.role = "system";
    message.content = "o";
  }
  const auto plain = model.text->EncodeChat(harmless, prompt);
  FUZZ_CHECK(plain.ok());
  const text::Tokenizer& tokenizer = model.text->tokenizer();
  FUZZ_CHECK(ControlsOf(tokenizer, *ids) == ControlsOf(tokenizer, *plain));

  const text::ControlTextFinder finder(tokenizer.control_tokens());
  const auto pieces = text::RenderInPieces(*model.chat_template, finder, messages, prompt);
  FUZZ_CHECK(pieces.ok());
  std::string joined;
  for (const text::TextPiece& piece : *pieces) joined += piece.text;
  FUZZ_CHECK(joined == model.chat_template->Render(messages, prompt).value());
}

// A text that somebody sent, and an answer of these tokens piece by piece.
void CheckText(const Model& model, const std::string& text) {
  const auto ids = model.text->EncodeContinuation(text);
  if (!ids.ok()) return;
  const text::Tokenizer& tokenizer = model.text->tokenizer();
  FUZZ_CHECK(IsValidUtf8(text) && ControlsOf(tokenizer, *ids).empty());
  const auto whole = model.text->Decode(*ids);
  FUZZ_CHECK(whole.ok() && IsValidUtf8(*whole));
  if (!model.is_lossless) return;
  FUZZ_CHECK(*whole == text);
  text::StreamDecoder decoder(&tokenizer);
  std::string streamed;
  for (const int32_t id : *ids) streamed += decoder.Push(id).value();
  streamed += decoder.Finish().value();
  FUZZ_CHECK(streamed == text);
}

// Any ids, as a model may answer them.
void CheckAnswer(const Model& model, std::string_view bytes) {
  std::vector<int32_t> ids;
  const text::Tokenizer& tokenizer = model.text->tokenizer();
  for (const char byte : bytes.substr(0, 200)) {
    // Beyond the bytes' tokens too.
    ids.push_back(static_cast<uint8_t>(byte) * 2 % (tokenizer.vocab_size() + 3));
  }
  text::StreamDecoder decoder(&tokenizer);
  std::string streamed;
  for (const int32_t id : ids) {
    const auto piece = decoder.Push(id);
    FUZZ_CHECK(piece.ok() && IsValidUtf8(*piece));
    streamed += *piece;
  }
  streamed += decoder.Finish().value();
  // Of more tokens without a character no more are held back (StreamDecoder).
  constexpr size_t kHeld = 64;
  if (model.is_lossless && ids.size() < kHeld) {
    FUZZ_CHECK(streamed == model.text->Decode(ids).value());
  }
}

}  // namespace
}  // namespace imprint::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace fuzz = imprint::fuzz;
  fuzz::Input input(data, size);
  const auto choice = input.Take<uint8_t>();
  const fuzz::Model& model = fuzz::Models()[choice % fuzz::Models().size()];
  const std::string_view bytes = input.rest();
  const auto messages = fuzz::TakeMessages(input);
  fuzz::CheckChat(model, messages, /*prompt=*/(choice & 0x80) == 0);
  fuzz::CheckText(model, std::string(bytes));
  fuzz::CheckAnswer(model, bytes);
  return 0;
}
