// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// A store and a version manager in a folder of their own, over random weights.

#ifndef IMPRINT_TESTS_VERSION_VERSION_FIXTURE_H_
#define IMPRINT_TESTS_VERSION_VERSION_FIXTURE_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "rocksdb/env.h"
#include "server/version/version_manager.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/test_device.h"
#include "tests/testing/tiny_model.h"

namespace imprint::version {

inline absl::Status StageNothing(store::Transaction&, absl::FunctionRef<bool(int64_t)>) {
  return absl::OkStatus();
}

class VersionFixture : public ::testing::Test {
 protected:
  VersionFixture()
      : base_(testing::RandomWeights(testing::TinyConfig(), 1, testing::TestPlacement("f32"))) {
    options_.directory = temp_ / "versions";
    options_.model_fingerprint = "model";
  }

  void SetUp() override { IMPRINT_ASSERT_OK(Open()); }

  absl::Status Open() {
    manager_.reset();
    store_.reset();
    store::StoreOptions options;
    options.path = temp_ / "store";
    options.model_fingerprint = "model";
    options.tokenizer_fingerprint = "tokenizer";
    options.env = env_.get();
    absl::StatusOr<std::unique_ptr<store::Store>> store = store::Store::Open(options);
    if (!store.ok()) return store.status();
    store_ = *std::move(store);
    absl::StatusOr<std::unique_ptr<VersionManager>> manager =
        VersionManager::Open(store_.get(), base_, options_, &clock_);
    if (!manager.ok()) return manager.status();
    manager_ = *std::move(manager);
    return absl::OkStatus();
  }

  // An adapter that changes something.
  std::shared_ptr<const model::Adapter> MakeAdapter(uint64_t seed) const {
    auto adapter = std::make_shared<model::Adapter>(
        model::Adapter::Make(base_->config, base_->placement, 2, 4, seed));
    for (auto& layer : adapter->layers) {
      for (model::LowRankPair& pair : layer) pair.b.fill_(0.01 * static_cast<double>(seed));
    }
    return adapter;
  }

  int64_t ReserveNumber() {
    int64_t number = 0;
    IMPRINT_EXPECT_OK(store_->Transact([&number](store::Transaction& transaction) {
      number = transaction.NextVersion();
      return absl::OkStatus();
    }));
    return number;
  }

  // A candidate of `parent` (by default the current version) with one delta.
  VersionManager::SharedVersion MakeCandidate(int64_t parent = -1) {
    const int64_t number = ReserveNumber();
    auto candidate = manager_->MakeCandidate(
        number, parent < 0 ? manager_->current()->number : parent, {MakeAdapter(number)});
    IMPRINT_EXPECT_OK(candidate);
    return *std::move(candidate);
  }

  absl::Status Commit(const VersionManager::SharedVersion& candidate,
                      const std::vector<int64_t>& added = {}) {
    store::VersionRecord record;
    record.mutable_added()->Add(added.begin(), added.end());
    return manager_->Commit(candidate, candidate->parent, record, StageNothing);
  }

  // Publishes a child of the current version; gives its number.
  int64_t Publish(const std::vector<int64_t>& added = {}) {
    const VersionManager::SharedVersion candidate = MakeCandidate();
    IMPRINT_EXPECT_OK(manager_->Save(*candidate));
    IMPRINT_EXPECT_OK(Commit(candidate, added));
    return candidate->number;
  }

  std::filesystem::path DirectoryOf(int64_t number) const {
    std::string name = std::to_string(number);
    name.insert(0, 8 - name.size(), '0');
    return options_.directory / name;
  }

  static bool SameWeights(const model::Weights& a, const model::Weights& b) {
    for (size_t layer = 0; layer < a.layers.size(); ++layer) {
      for (int i = 0; i < model::kLinearsPerLayer; ++i) {
        if (!at::equal(a.layers[layer].linear[i], b.layers[layer].linear[i])) return false;
      }
    }
    return true;
  }

  const testing::TempDir temp_;
  const std::shared_ptr<const model::Weights> base_;
  fakes::FakeClock clock_;
  std::unique_ptr<rocksdb::Env> env_;
  VersionManagerOptions options_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<VersionManager> manager_;
};

}  // namespace imprint::version

#endif  // IMPRINT_TESTS_VERSION_VERSION_FIXTURE_H_
