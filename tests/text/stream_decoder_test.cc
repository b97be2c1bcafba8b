// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/text/stream_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "common/utf8.h"
#include "tests/text/model_folder.h"

namespace imprint::text {
namespace {

using ::testing::ElementsAre;
using enum Tokenizer::ControlTokens;

class StreamDecoderTest : public ::testing::Test {
 protected:
  void Load(const nlohmann::json& file) {
    folder_.WriteJson("tokenizer.json", file);
    tokenizer_ = Tokenizer::Load(folder_.path()).value();
  }

  // The pieces of all ids, and what Finish gives as the last.
  std::vector<std::string> Pieces(const std::vector<int32_t>& ids) {
    StreamDecoder decoder(tokenizer_.get());
    std::vector<std::string> pieces;
    for (const int32_t id : ids) pieces.push_back(decoder.Push(id).value());
    pieces.push_back(decoder.Finish().value());
    return pieces;
  }

  std::string Joined(const std::vector<int32_t>& ids) {
    std::string text;
    for (const std::string& piece : Pieces(ids)) {
      EXPECT_TRUE(IsValidUtf8(piece));
      text += piece;
    }
    return text;
  }

  std::vector<int32_t> Encode(const std::string& text) {
    return tokenizer_->Encode(text, false, kRecognise).value();
  }

  int32_t Byte(uint8_t byte) const { return kThink + 1 + byte; }

  ModelFolder folder_;
  std::unique_ptr<Tokenizer> tokenizer_;
};

TEST_F(StreamDecoderTest, CharacterComesWithItsLastToken) {
  Load(ByteLevelTokenizer());

  // U+1F600 is F0 9F, which is one token, then 98 and 80.
  EXPECT_THAT(Pieces(Encode("\U0001F600!")), ElementsAre("", "", "\U0001F600", "!", ""));
}

TEST_F(StreamDecoderTest, SpaceBelongsToTheWordThatFollows) {
  Load(SentencePieceTokenizer());

  EXPECT_THAT(Pieces(Encode("hello hello")), ElementsAre("hello", " hello", ""));
}

TEST_F(StreamDecoderTest, SpecialTokensHaveNoText) {
  Load(SentencePieceTokenizer());
  const int32_t word = *tokenizer_->IdOf("\u2581hello");

  EXPECT_THAT(Pieces({1, word, 2, word, 2}), ElementsAre("", "hello", "", " hello", "", ""));
}

TEST_F(StreamDecoderTest, UnfinishedCharacterIsReplacedAtTheEnd) {
  Load(ByteLevelTokenizer());

  EXPECT_THAT(Pieces({Byte('a'), Byte(0xF0), Byte(0x9F)}), ElementsAre("a", "", "", "\uFFFD"));
}

TEST_F(StreamDecoderTest, StrayByteIsReplacedWhenTextFollows) {
  Load(ByteLevelTokenizer());

  EXPECT_THAT(Pieces({Byte(0xFF), Byte('a')}), ElementsAre("",
                                                           "\uFFFD"
                                                           "a",
                                                           ""));
}

TEST_F(StreamDecoderTest, EndlessStrayBytesAreNotHeldForEver) {
  Load(ByteLevelTokenizer());
  StreamDecoder decoder(tokenizer_.get());

  std::string text;
  for (int i = 0; i < 1000; ++i) text += decoder.Push(Byte(0xFF)).value();

  EXPECT_GT(text.size(), 2000u);
}

TEST_F(StreamDecoderTest, NothingGivesNothing) {
  Load(ByteLevelTokenizer());

  EXPECT_THAT(Pieces({}), ElementsAre(""));
}

TEST_F(StreamDecoderTest, NegativeIdIsAnError) {
  Load(ByteLevelTokenizer());
  StreamDecoder decoder(tokenizer_.get());

  EXPECT_EQ(decoder.Push(-1).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(StreamDecoderTest, PiecesOfTextMakeTheText) {
  const std::vector<std::string> alphabet = {"hello",      " hello", " ",      "  ",
                                             "\n",         "!",      "\u00E9", "\u4F60\u597D",
                                             "\U0001F600", "\uFFFD", "w",      "<"};
  std::mt19937 random(3);
  for (const auto& file : {ByteLevelTokenizer(), SentencePieceTokenizer()}) {
    Load(file);
    for (int i = 0; i < 300; ++i) {
      std::string text;
      for (size_t n = random() % 12; n > 0; --n) text += alphabet[random() % alphabet.size()];
      const std::vector<int32_t> ids = Encode(text);
      ASSERT_EQ(Joined(ids), tokenizer_->Decode(ids, true).value()) << text;
    }
  }
}

TEST_F(StreamDecoderTest, PiecesOfRandomTokensAreWhatDecodeGives) {
  Load(ByteLevelTokenizer());
  std::mt19937 random(4);
  for (int i = 0; i < 500; ++i) {
    std::vector<int32_t> ids(random() % 30);
    for (int32_t& id : ids) {
      // Mostly bytes that begin or go on with a character.
      id = random() % 3 == 0
               ? static_cast<int32_t>(random() % static_cast<uint32_t>(tokenizer_->vocab_size()))
               : Byte(static_cast<uint8_t>(0x80 + random() % 0x80));
    }
    ASSERT_EQ(Joined(ids), tokenizer_->Decode(ids, true).value());
  }
}

TEST_F(StreamDecoderTest, RandomBytesOfAByteFallbackStayValid) {
  Load(SentencePieceTokenizer());
  std::mt19937 random(5);
  for (int i = 0; i < 500; ++i) {
    std::vector<int32_t> ids(random() % 30);
    for (int32_t& id : ids) {
      id = static_cast<int32_t>(random() % static_cast<uint32_t>(tokenizer_->vocab_size()));
    }
    (void)Joined(ids);
  }
}

}  // namespace
}  // namespace imprint::text
