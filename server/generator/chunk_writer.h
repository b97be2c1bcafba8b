// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// Lets the base model write about one chunk of a context: the words of target sentences,
// not yet their teacher's distribution.

#ifndef IMPRINT_SERVER_GENERATOR_CHUNK_WRITER_H_
#define IMPRINT_SERVER_GENERATOR_CHUNK_WRITER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/engine/engine.h"
#include "server/generator/facts.h"
#include "server/generator/restate.h"
#include "server/text/text_model.h"

namespace imprint::generator {

// Used by one thread, for one chunk. All references outlive it.
class ChunkWriter {
 public:
  ChunkWriter(engine::Engine& engine, const engine::SharedVersion& base,
              const text::TextModel& text, std::string chunk, uint64_t seed,
              const std::function<bool()>& cancelled);

  // Up to `count` of the chunk's sentences, spread over it; none where it is only one.
  std::vector<std::string> Sentences(int count) const;
  // Up to `count` statements, naming the subject, each as the answer to a request to tell of the
  // subject, of a name or of a thing that it has.
  std::vector<Exchange> Recitals(int count) const;
  // Up to `count` questions for a name, a number, a date or a thing, each answered by the
  // statement it stands in; things where the others leave room.
  std::vector<Exchange> Clozes(int count) const;
  // Up to `count` different questions, each with the statement that has most of its words as the
  // answer; each is mostly of words of the chunk. Fewer where the model has no more to ask after a
  // few rounds.
  absl::StatusOr<std::vector<Exchange>> Questions(int count);
  // Up to `count` sentences in other words, naming who and what; those whose numbers and names
  // are not in the chunk are dropped.
  absl::StatusOr<std::vector<std::string>> Rewrites(int count);
  // Up to `count` questions that ask for everything known of the subject and of names.
  std::vector<std::string> OpenQuestions(int count) const;
  // Whether an answer has something from the chunk that the question did not say, and no name
  // or number that is in neither.
  bool TellsOfChunk(absl::string_view question, absl::string_view answer) const;

 private:
  // Continues each plain prompt to the end of its line.
  absl::StatusOr<std::vector<std::string>> Continue(const std::vector<std::string>& prompts,
                                                    int max_tokens, float temperature,
                                                    uint64_t seed);
  // The statement that the question is most about; none where that is not more than half of its
  // words, or it cannot be understood alone.
  const std::string* AnswerTo(absl::string_view question) const;

  engine::Engine& engine_;
  const engine::SharedVersion base_;
  const text::TextModel& text_;
  const std::string chunk_;
  const uint64_t seed_;
  const std::function<bool()>& cancelled_;

  std::vector<std::string> sentences_;
  std::string subject_;
  // The sentences in the parts that say something each, with the subject's name for its pronoun.
  std::vector<std::string> statements_;
  // Of the statements.
  std::vector<Fact> facts_;
  // What ends a line of plain text, and what ends an answer.
  std::vector<int32_t> line_stop_ids_;
};

}  // namespace imprint::generator

#endif  // IMPRINT_SERVER_GENERATOR_CHUNK_WRITER_H_
