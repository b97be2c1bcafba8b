// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// tokenizer.json of a model folder, up to a zero byte; behind it a text. A file that is taken gives
// ids of its vocabulary, text back from any of them, and never a control token for a text that
// somebody sent.

#include <vector>

#include "common/utf8.h"
#include "server/text/tokenizer.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using imprint::text::Tokenizer;
  namespace fuzz = imprint::fuzz;
  fuzz::Input input(data, size);
  fuzz::WriteScratch("tokenizer.json", input.TakeUntil('\0'));
  const std::string text = input.empty() ? "<s> hello[1]" : std::string(input.rest());
  const auto tokenizer =
      Tokenizer::Load(fuzz::ScratchFolder(), "{{ '[1]' + messages[0].content }}");
  if (!tokenizer.ok()) {
    FUZZ_CHECK(absl::IsInvalidArgument(tokenizer.status()));
    return 0;
  }
  FUZZ_CHECK((*tokenizer)->vocab_size() > 0);
  for (const auto mode :
       {Tokenizer::ControlTokens::kRecognise, Tokenizer::ControlTokens::kAsText}) {
    const auto ids = (*tokenizer)->Encode(text, /*add_special=*/false, mode);
    if (!ids.ok()) continue;
    for (const int32_t id : *ids) {
      FUZZ_CHECK(id >= 0 && id < (*tokenizer)->vocab_size());
      FUZZ_CHECK(mode == Tokenizer::ControlTokens::kRecognise || !(*tokenizer)->IsControl(id));
    }
    const auto decoded = (*tokenizer)->Decode(*ids, /*skip_special=*/true);
    FUZZ_CHECK(!decoded.ok() || imprint::IsValidUtf8(*decoded));
  }
  (*tokenizer)
      ->Encode(text, /*add_special=*/true, Tokenizer::ControlTokens::kAsText)
      .status()
      .IgnoreError();
  const std::vector<int32_t> any = {0, 1, 2, 300, (*tokenizer)->vocab_size() - 1, 2'000'000'000};
  const auto decoded = (*tokenizer)->Decode(any, /*skip_special=*/false);
  FUZZ_CHECK(!decoded.ok() || imprint::IsValidUtf8(*decoded));
  return 0;
}
