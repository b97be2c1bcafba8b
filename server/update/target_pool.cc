// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/update/target_pool.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace imprint::update {
namespace {

// Fisher and Yates. std::shuffle may differ between standard libraries; the order
// of sentences decides a version's bytes.
void Shuffle(std::vector<size_t>& values, std::mt19937_64& random) {
  for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[random() % i]);
}

}  // namespace

TargetPool::TargetPool(size_t sentences, double learned_kl, uint64_t seed)
    : learned_kl_(learned_kl), random_(seed), sentences_(sentences) {}

std::vector<size_t> TargetPool::NextEpoch() {
  std::vector<size_t> chosen;
  for (size_t i = 0; i < sentences_.size(); ++i) {
    Sentence& sentence = sentences_[i];
    sentence.sits_out = !sentence.sits_out && SentenceLearned(sentence);
    if (!sentence.sits_out) chosen.push_back(i);
  }
  Shuffle(chosen, random_);
  return chosen;
}

void TargetPool::Record(size_t sentence, double kl, int64_t tokens) {
  sentences_[sentence].seen = true;
  sentences_[sentence].kl = kl;
  sentences_[sentence].tokens = tokens;
}

double TargetPool::MeanKl() const {
  double kl = 0;
  int64_t tokens = 0;
  for (const Sentence& sentence : sentences_) {
    kl += sentence.kl;
    tokens += sentence.tokens;
  }
  return tokens == 0 ? 0 : kl / static_cast<double>(tokens);
}

bool TargetPool::Learned() const {
  const auto seen = [](const Sentence& sentence) { return sentence.seen; };
  if (!std::all_of(sentences_.begin(), sentences_.end(), seen)) return false;
  const auto learned = [this](const Sentence& sentence) { return SentenceLearned(sentence); };
  return MeanKl() < learned_kl_ || std::all_of(sentences_.begin(), sentences_.end(), learned);
}

Deck::Deck(size_t size, uint64_t seed) : random_(seed), cards_(size) {
  std::iota(cards_.begin(), cards_.end(), size_t{0});
  Shuffle(cards_, random_);
}

size_t Deck::Next() {
  if (next_ == cards_.size()) {
    Shuffle(cards_, random_);
    next_ = 0;
  }
  return cards_[next_++];
}

}  // namespace imprint::update
