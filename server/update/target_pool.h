// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Which sentences an epoch trains on, and when training has done its work.

#ifndef IMPRINT_SERVER_UPDATE_TARGET_POOL_H_
#define IMPRINT_SERVER_UPDATE_TARGET_POOL_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace imprint::update {

// The target sentences of a job, by index. A sentence that was found learned (its KL per
// token below `learned_kl`) sits out the next epoch and comes back in the one after, so that
// one that drifts back is seen. Its KL is the one that training itself saw, before
// the step: no extra computing, and never too low. Deterministic in `seed`.
class TargetPool {
 public:
  TargetPool(size_t sentences, double learned_kl, uint64_t seed);

  // The sentences of the next epoch, shuffled; empty when all of them sit out.
  std::vector<size_t> NextEpoch();
  // What a sentence's KL was when it was trained on, summed over its tokens.
  void Record(size_t sentence, double kl, int64_t tokens);

  // KL per token as last seen, over the sentences seen so far; 0 when none was.
  double MeanKl() const;
  // Every sentence was seen, and each, or the mean over their tokens, is below `learned_kl`.
  bool Learned() const;

 private:
  struct Sentence {
    bool seen = false;
    bool sits_out = false;
    double kl = 0;
    int64_t tokens = 0;
  };

  bool SentenceLearned(const Sentence& sentence) const {
    return sentence.seen && sentence.kl < learned_kl_ * static_cast<double>(sentence.tokens);
  }

  const double learned_kl_;
  std::mt19937_64 random_;
  std::vector<Sentence> sentences_;
};

// Gives numbers below `size` in shuffled rounds, without end.
class Deck {
 public:
  Deck(size_t size, uint64_t seed);
  size_t Next();

 private:
  std::mt19937_64 random_;
  std::vector<size_t> cards_;
  size_t next_ = 0;
};

}  // namespace imprint::update

#endif  // IMPRINT_SERVER_UPDATE_TARGET_POOL_H_
