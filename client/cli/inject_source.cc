// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/inject_source.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "common/string_view.h"
#include "common/utf8.h"
#include "nlohmann/json.hpp"

namespace imprint::client {
namespace {

namespace fs = std::filesystem;
using Items = std::vector<SourceItem>;

constexpr absl::string_view kItemKeys[] = {"text",    "messages", "request_id",  "labels",
                                           "targets", "probes",   "ttl_seconds", "supersedes"};
constexpr absl::string_view kMessageKeys[] = {"role", "content"};
constexpr absl::string_view kTargetKeys[] = {"question", "answer", "text"};
constexpr absl::string_view kProbeKeys[] = {"question", "expected_answer"};

bool IsBlank(absl::string_view text) { return absl::StripAsciiWhitespace(text).empty(); }

// No server would take it: NOT_FOUND when it is empty, INVALID_ARGUMENT when it is not UTF-8.
absl::Status AddText(std::string origin, std::string text, Items& items) {
  const std::string where = origin.empty() ? "the text" : origin;
  if (IsBlank(text)) return absl::NotFoundError(absl::StrCat(where, " is empty"));
  if (!IsValidUtf8(text)) {
    return absl::InvalidArgumentError(absl::StrCat(where, " is not valid UTF-8"));
  }
  SourceItem& item = items.emplace_back();
  item.origin = std::move(origin);
  item.request.mutable_content()->set_text(std::move(text));
  return absl::OkStatus();
}

// The string under `key`; empty when it is not there.
absl::Status Take(const nlohmann::json& object, const std::string& key, std::string* out) {
  const auto found = object.find(key);
  if (found == object.end()) return absl::OkStatus();
  if (!found->is_string()) {
    return absl::InvalidArgumentError(absl::StrCat("\"", key, "\" is no string"));
  }
  *out = found->get<std::string>();
  return absl::OkStatus();
}

absl::StatusOr<std::vector<nlohmann::json>> TakeObjects(const nlohmann::json& object,
                                                        const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return std::vector<nlohmann::json>{};
  const bool good = found->is_array() && std::all_of(found->begin(), found->end(),
                                                     [](auto& item) { return item.is_object(); });
  if (!good) return absl::InvalidArgumentError(absl::StrCat("\"", key, "\" is no list of objects"));
  return std::vector<nlohmann::json>(found->begin(), found->end());
}

// A key that nobody reads is a slip, and what it was to say would be lost.
absl::Status CheckKeys(const nlohmann::json& object, absl::Span<const absl::string_view> known) {
  for (const auto& item : object.items()) {
    if (std::find(known.begin(), known.end(), item.key()) == known.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", item.key(), "\" is unknown; there are ", absl::StrJoin(known, ", ")));
    }
  }
  return absl::OkStatus();
}

absl::Status AddTargets(const nlohmann::json& object, v1::InjectContextRequest& request) {
  IMPRINT_ASSIGN_OR_RETURN(const auto targets, TakeObjects(object, "targets"));
  for (const nlohmann::json& item : targets) {
    IMPRINT_RETURN_IF_ERROR(CheckKeys(item, kTargetKeys));
    v1::TargetSentence& target = *request.add_targets();
    if (item.contains("question")) {
      v1::QuestionAnswer& pair = *target.mutable_question_answer();
      IMPRINT_RETURN_IF_ERROR(Take(item, "question", pair.mutable_question()));
      IMPRINT_RETURN_IF_ERROR(Take(item, "answer", pair.mutable_answer()));
    } else {
      IMPRINT_RETURN_IF_ERROR(Take(item, "text", target.mutable_text()));
    }
  }
  return absl::OkStatus();
}

std::string ReadAll(std::istream& in) {
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// NOT_FOUND when the file cannot be read or is empty; INVALID_ARGUMENT when it or a line of it
// is wrong.
absl::Status ReadFile(const fs::path& path, Items& items) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return absl::NotFoundError(
        absl::StrCat("cannot read ", path.string(), ": ", std::strerror(errno)));
  }
  if (path.extension() != ".jsonl") return AddText(path.string(), ReadAll(file), items);
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (IsBlank(line)) continue;
    const std::string origin = absl::StrCat(path.string(), ":", number);
    auto request = ParseItem(line);
    if (!request.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(origin, ": ", request.status().message()));
    }
    items.push_back({origin, *std::move(request)});
  }
  return absl::OkStatus();
}

bool IsOurs(const fs::path& path) {
  const fs::path extension = path.extension();
  return extension == ".txt" || extension == ".md" || extension == ".jsonl";
}

void SaySkipped(const fs::path& path, const std::error_code& error) {
  std::cerr << "imprint: skipped " << path.string() << ": " << error.message() << "\n";
}

// Our files in `folder` and the folders in it. Links to folders are not followed: they may
// lead in a circle. What cannot be read is said on standard error and skipped.
void FindFiles(const fs::path& folder, std::vector<fs::path>& files) {
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  if (error) return SaySkipped(folder, error);
  for (const fs::directory_iterator end; entry != end; entry.increment(error)) {
    const fs::path& path = entry->path();
    std::error_code unknown;
    const fs::file_status link = entry->symlink_status(unknown);
    if (unknown) {
      SaySkipped(path, unknown);
    } else if (fs::is_directory(link)) {
      FindFiles(path, files);
    } else if (IsOurs(path)) {
      const bool regular = entry->is_regular_file(unknown);
      if (unknown) {
        SaySkipped(path, unknown);
      } else if (regular) {
        files.push_back(path);
      }
    }
  }
  if (error) SaySkipped(folder, error);
}

absl::Status ReadFolder(const fs::path& folder, Items& items) {
  std::vector<fs::path> files;
  FindFiles(folder, files);
  std::sort(files.begin(), files.end());
  const size_t before = items.size();
  for (const fs::path& file : files) {
    const absl::Status status = ReadFile(file, items);
    if (absl::IsNotFound(status)) {
      std::cerr << "imprint: skipped: " << status.message() << "\n";
    } else if (!status.ok()) {
      return status;
    }
  }
  if (items.size() > before) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat(
      folder.string(), " holds no .txt, .md or .jsonl file with text that can be read"));
}

// A word that is meant as a path: it has no white space, and a folder or an ending of ours.
bool LooksLikePath(const std::string& word) {
  if (word.find_first_of(" \t\n") != std::string::npos) return false;
  return absl::StrContains(word, '/') || absl::EndsWith(word, ".jsonl") ||
         absl::EndsWith(word, ".txt") || absl::EndsWith(word, ".md");
}

}  // namespace

absl::StatusOr<v1::InjectContextRequest> ParseItem(absl::string_view json) {
  const nlohmann::json object = ParseJson(ToStd(json));
  if (!object.is_object()) {
    return absl::InvalidArgumentError(IsValidUtf8(ToStd(json)) ? "not a JSON object"
                                                               : "is not valid UTF-8");
  }
  IMPRINT_RETURN_IF_ERROR(CheckKeys(object, kItemKeys));
  if (object.contains("text") && object.contains("messages")) {
    return absl::InvalidArgumentError(
        "both \"text\" and \"messages\"; an experience is one of them");
  }
  v1::InjectContextRequest request;
  IMPRINT_RETURN_IF_ERROR(Take(object, "request_id", request.mutable_request_id()));
  IMPRINT_RETURN_IF_ERROR(Take(object, "supersedes", request.mutable_supersedes()));
  if (const auto ttl = object.find("ttl_seconds"); ttl != object.end()) {
    if (!ttl->is_number_integer() || ttl->get<int64_t>() <= 0) {
      return absl::InvalidArgumentError("\"ttl_seconds\" is no whole number above 0");
    }
    request.mutable_ttl()->set_seconds(ttl->get<int64_t>());
  }
  IMPRINT_ASSIGN_OR_RETURN(const auto messages, TakeObjects(object, "messages"));
  if (object.contains("text")) {
    IMPRINT_RETURN_IF_ERROR(Take(object, "text", request.mutable_content()->mutable_text()));
    if (IsBlank(request.content().text())) return absl::InvalidArgumentError("\"text\" is empty");
  } else if (messages.empty()) {
    return absl::InvalidArgumentError("neither \"text\" nor \"messages\"");
  }
  for (const nlohmann::json& item : messages) {
    IMPRINT_RETURN_IF_ERROR(CheckKeys(item, kMessageKeys));
    v1::ChatMessage& message = *request.mutable_content()->mutable_conversation()->add_messages();
    IMPRINT_RETURN_IF_ERROR(Take(item, "role", message.mutable_role()));
    IMPRINT_RETURN_IF_ERROR(Take(item, "content", message.mutable_content()));
  }
  if (const auto labels = object.find("labels"); labels != object.end()) {
    if (!labels->is_object()) return absl::InvalidArgumentError("\"labels\" is no object");
    for (const auto& label : labels->items()) {
      std::string value;
      IMPRINT_RETURN_IF_ERROR(Take(*labels, label.key(), &value));
      (*request.mutable_labels())[label.key()] = value;
    }
  }
  IMPRINT_RETURN_IF_ERROR(AddTargets(object, request));
  IMPRINT_ASSIGN_OR_RETURN(const auto probes, TakeObjects(object, "probes"));
  for (const nlohmann::json& item : probes) {
    IMPRINT_RETURN_IF_ERROR(CheckKeys(item, kProbeKeys));
    v1::InjectProbe& probe = *request.add_probes();
    IMPRINT_RETURN_IF_ERROR(Take(item, "question", probe.mutable_question()));
    IMPRINT_RETURN_IF_ERROR(Take(item, "expected_answer", probe.mutable_expected_answer()));
  }
  return request;
}

absl::StatusOr<Items> ReadSources(const std::vector<std::string>& sources,
                                  const std::string& text) {
  Items items;
  if (!text.empty()) IMPRINT_RETURN_IF_ERROR(AddText("", text, items));
  for (const std::string& source : sources) {
    std::error_code error;
    if (source == "-") {
      IMPRINT_RETURN_IF_ERROR(AddText("standard input", ReadAll(std::cin), items));
    } else if (fs::is_directory(source, error)) {
      IMPRINT_RETURN_IF_ERROR(ReadFolder(source, items));
    } else if (fs::exists(source, error)) {
      IMPRINT_RETURN_IF_ERROR(ReadFile(source, items));
    } else if (LooksLikePath(source)) {
      return absl::NotFoundError(absl::StrCat("there is no file ", source,
                                              "; a text that looks like one goes with --text"));
    } else {
      IMPRINT_RETURN_IF_ERROR(AddText("", source, items));
    }
  }
  if (items.empty()) {
    return absl::InvalidArgumentError(
        "nothing to inject: give a text, a file, a folder, or - for standard input");
  }
  return items;
}

}  // namespace imprint::client
