// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Labels of an experience, as filters name them.

#ifndef IMPRINT_SERVER_EXPERIENCE_LABELS_H_
#define IMPRINT_SERVER_EXPERIENCE_LABELS_H_

#include <map>
#include <string>

namespace imprint::experience {

using Labels = std::map<std::string, std::string>;

// Whether `have`, a map of any kind, carries all of `wanted`.
template <typename Map>
bool Carries(const Map& have, const Labels& wanted) {
  for (const auto& [key, value] : wanted) {
    const auto found = have.find(key);
    if (found == have.end() || found->second != value) return false;
  }
  return true;
}

}  // namespace imprint::experience

#endif  // IMPRINT_SERVER_EXPERIENCE_LABELS_H_
