// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What a generator needs, over the tiny trained model: what that writes is poor, its form is
// not.

#ifndef IMPRINT_TESTS_GENERATOR_TINY_GENERATOR_H_
#define IMPRINT_TESTS_GENERATOR_TINY_GENERATOR_H_

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "server/engine/compute_share.h"
#include "server/generator/generator.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/tiny_model.h"

namespace imprint::generator {

inline constexpr char kPassage[] =
    "The boat of Mira is red. It was built in 1923 by Otto Senn. It carries forty people across "
    "Lake Ombra.";

// A real engine.
class TinyGeneratorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto text = text::TextModel::Load(imprint::testing::kTinyChatDir);
    IMPRINT_ASSERT_OK(text);
    text_ = *std::move(text);
    IMPRINT_ASSERT_OK_AND_ASSIGN(base_, imprint::testing::LoadTinyChat());
    engine_ = engine::Engine::Start({}, &share_, nullptr, Clock::Real());
    engine_->SetCurrent(base_);
    probe_maker_ = std::make_unique<probe::ProbeMaker>(
        probe::ProbeMakerOptions{.max_answer_tokens = 12, .top_k = 5}, engine_.get(), base_,
        text_.get());
  }

  std::unique_ptr<text::TextModel> text_;
  engine::SharedVersion base_;
  engine::ComputeShare share_{0.5};
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<probe::ProbeMaker> probe_maker_;
};

}  // namespace imprint::generator

#endif  // IMPRINT_TESTS_GENERATOR_TINY_GENERATOR_H_
