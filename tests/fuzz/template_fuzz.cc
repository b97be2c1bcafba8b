// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The chat template of a model folder. Whatever it is, rendering ends, with UTF-8 or an error.

#include <cstring>

#include "common/utf8.h"
#include "server/text/chat_template.h"
#include "server/text/control_text.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace text = imprint::text;
  // A list that is multiplied is as long as the template likes, and concatenating it makes it
  // (SECURITY.md, "Trusted"): known, and found within a minute each time.
  if (memchr(data, '*', size) != nullptr) return 0;
  text::SpecialTokens special;
  special.bos = "<s>";
  special.eos = "</s>";
  const auto chat_template = text::ChatTemplate::FromSource(
      std::string(reinterpret_cast<const char*>(data), size), special, "fuzz");
  if (!chat_template.ok()) {
    FUZZ_CHECK(absl::IsInvalidArgument(chat_template.status()));
    return 0;
  }
  const std::vector<text::ChatMessage> messages = {
      {.role = "system", .content = "Be kind."},
      {.role = "user", .content = "1 < 2, \xC3\xA9\n"},
      {.role = "assistant", .content = "<think>no</think> yes"}};
  const auto rendered = (*chat_template)->Render(messages, /*add_generation_prompt=*/true);
  FUZZ_CHECK(rendered.ok() || absl::IsInvalidArgument(rendered.status()));
  if (rendered.ok()) FUZZ_CHECK(imprint::IsValidUtf8(*rendered));

  const text::ControlTextFinder finder({"</think>", "<think>", "</s>", "<s>"});
  const auto pieces = text::RenderInPieces(**chat_template, finder, messages, true);
  FUZZ_CHECK(pieces.ok() || absl::IsInvalidArgument(pieces.status()));
  return 0;
}
