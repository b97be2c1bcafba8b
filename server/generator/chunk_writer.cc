// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/generator/chunk_writer.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "common/status_macros.h"
#include "server/generator/prompts.h"
#include "server/generator/referents.h"
#include "server/generator/sentences.h"
#include "server/probe/teacher.h"

namespace imprint::generator {
namespace {

constexpr int kQuestionTokens = 24;
constexpr int kRewriteTokens = 40;
// Rounds of questions: greedy first, then sampled, until enough are different.
constexpr int kQuestionRounds = 5;
constexpr float kSampledTemperature = 0.8F;

// The question without white space around it; empty when it is none: no question mark, too
// short or too long.
std::string CleanQuestion(absl::string_view line) {
  line = absl::StripAsciiWhitespace(line);
  const size_t mark = line.find('?');
  if (mark == absl::string_view::npos) return "";
  line = line.substr(0, mark + 1);
  const size_t words = std::count(line.begin(), line.end(), ' ') + 1;
  if (words < 3 || words > 25) return "";
  return std::string(line);
}

// Up to `count` of `items`, evenly spread.
template <typename Item>
std::vector<Item> Spread(const std::vector<Item>& items, int count) {
  const size_t chosen = std::min(items.size(), static_cast<size_t>(std::max(count, 0)));
  std::vector<Item> spread;
  for (size_t i = 0; i < chosen; ++i) spread.push_back(items[i * items.size() / chosen]);
  return spread;
}

// Up to `count` of `first`; of `then` where these leave room.
std::vector<Exchange> SpreadInTurn(const std::vector<Exchange>& first,
                                   const std::vector<Exchange>& then, int count) {
  std::vector<Exchange> spread = Spread(first, count);
  for (Exchange& exchange : Spread(then, count - static_cast<int>(spread.size()))) {
    spread.push_back(std::move(exchange));
  }
  return spread;
}

// Words that carry something: not the small ones that every sentence has.
std::set<std::string> TellingWords(absl::string_view text) {
  constexpr size_t kLeastLetters = 4;
  std::set<std::string> words;
  const std::string form = NormalForm(text);
  for (absl::string_view word : absl::StrSplit(form, ' ', absl::SkipEmpty())) {
    if (word.size() >= kLeastLetters || absl::ascii_isdigit(word[0])) words.emplace(word);
  }
  return words;
}

// Whether `sentence` says what it is about without the chunk beside it.
bool NamesSomething(absl::string_view sentence, absl::string_view subject,
                    const std::vector<Fact>& facts) {
  if (!subject.empty() && absl::StrContains(NormalForm(sentence), NormalForm(subject))) {
    return true;
  }
  return std::any_of(facts.begin(), facts.end(), [&](const Fact& fact) {
    return fact.kind == FactKind::kName && absl::StrContains(sentence, fact.text);
  });
}

std::vector<std::string> StatementsOf(const std::vector<std::string>& sentences) {
  const std::vector<std::string> referents = FindReferents(sentences);
  std::vector<std::string> statements;
  for (size_t i = 0; i < sentences.size(); ++i) {
    for (std::string& statement : SplitStatements(NameSubject(sentences[i], referents[i]))) {
      statements.push_back(std::move(statement));
    }
  }
  return statements;
}

}  // namespace

ChunkWriter::ChunkWriter(engine::Engine& engine, const engine::SharedVersion& base,
                         const text::TextModel& text, std::string chunk, uint64_t seed,
                         const std::function<bool()>& cancelled)
    : engine_(engine),
      base_(base),
      text_(text),
      chunk_(std::move(chunk)),
      seed_(seed),
      cancelled_(cancelled),
      sentences_(SplitSentences(chunk_)),
      subject_(FindSubject(sentences_)),
      statements_(StatementsOf(sentences_)),
      facts_(FindFacts(statements_, subject_)),
      line_stop_ids_(text.stop_ids()) {
  // Most tokenizers have the end of a line as a token; where one has not, the line is cut out
  // of what was generated.
  for (const char* line_end : {"\n", "\n\n"}) {
    const auto ids = text.EncodeContinuation(line_end);
    if (ids.ok() && ids->size() == 1) line_stop_ids_.push_back(ids->front());
  }
}

std::vector<std::string> ChunkWriter::Sentences(int count) const {
  return sentences_.size() < 2 ? std::vector<std::string>() : Spread(sentences_, count);
}

std::vector<Exchange> ChunkWriter::Recitals(int count) const {
  // Each request worded otherwise than the one before.
  const auto add = [](absl::string_view about, const std::string& statement,
                      std::vector<Exchange>& recitals) {
    const std::vector<std::string> requests = RecitalRequests(about);
    recitals.push_back({requests[recitals.size() % requests.size()], statement});
  };
  std::vector<Exchange> of_names, of_things;
  for (const std::string& statement : statements_) {
    if (ContainsWords(statement, subject_)) add(subject_, statement, of_names);
  }
  // Asked the other way round: from the name or the thing to what is told of it.
  for (const Fact& fact : facts_) {
    const std::string& statement = statements_[static_cast<size_t>(fact.sentence)];
    if (fact.kind == FactKind::kName) add(fact.text, statement, of_names);
    // One word, as "time", may be anything.
    if (fact.kind == FactKind::kThing && absl::StrContains(fact.text, ' ')) {
      add(WithArticle(statement, fact), statement, of_things);
    }
  }
  return SpreadInTurn(of_names, of_things, count);
}

std::vector<Exchange> ChunkWriter::Clozes(int count) const {
  std::vector<Exchange> of_names, of_things;
  for (const Fact& fact : facts_) {
    std::optional<Exchange> cloze =
        AskFor(statements_[static_cast<size_t>(fact.sentence)], fact, subject_);
    if (!cloze.has_value()) continue;
    (fact.kind == FactKind::kThing ? of_things : of_names).push_back(*std::move(cloze));
  }
  return SpreadInTurn(of_names, of_things, count);
}

bool ChunkWriter::TellsOfChunk(absl::string_view question, absl::string_view answer) const {
  if (!IsGrounded(answer, absl::StrCat(chunk_, "\n", question))) return false;
  const std::set<std::string> known = TellingWords(chunk_);
  const std::set<std::string> asked = TellingWords(absl::StrCat(question, " ", subject_));
  const std::set<std::string> words = TellingWords(answer);
  return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
    return known.contains(word) && !asked.contains(word);
  });
}

const std::string* ChunkWriter::AnswerTo(absl::string_view question) const {
  if (!IsGrounded(question, chunk_)) return nullptr;
  // Without its interrogative, which no statement has.
  const std::vector<absl::string_view> words = absl::StrSplit(question, absl::MaxSplits(' ', 2));
  const std::set<std::string> asked = TellingWords(words.back());
  const std::string* answer = nullptr;
  int64_t most = 0;
  for (const std::string& statement : statements_) {
    const std::set<std::string> told = TellingWords(absl::StrCat(statement, " ", subject_));
    const auto shared = std::count_if(asked.begin(), asked.end(), [&told](const std::string& word) {
      return told.contains(word);
    });
    if (shared > most) {
      most = shared;
      answer = &statement;
    }
  }
  constexpr int64_t kSelfContained = 2;  // words, where nothing is named
  if (most < kSelfContained && !NamesSomething(question, subject_, facts_)) return nullptr;
  return 2 * static_cast<size_t>(most) > asked.size() ? answer : nullptr;
}

absl::StatusOr<std::vector<Exchange>> ChunkWriter::Questions(int count) {
  const std::string subject = subject_.empty() ? "this" : subject_;
  // What can be asked first, of every statement; then what can be asked next.
  struct Beginning {
    std::string opening;
    std::string statement;
  };
  std::vector<std::vector<Beginning>> by_rank;
  for (const std::string& statement : statements_) {
    const std::vector<std::string> openings = QuestionOpenings(FindFacts({statement}, ""));
    by_rank.resize(std::max(by_rank.size(), openings.size()));
    for (size_t i = 0; i < openings.size(); ++i) by_rank[i].push_back({openings[i], statement});
  }
  std::vector<Beginning> beginnings;
  for (const std::vector<Beginning>& rank : by_rank) {
    beginnings.insert(beginnings.end(), rank.begin(), rank.end());
  }

  std::vector<Exchange> questions;
  std::set<std::string> seen;
  for (int round = 0; round < kQuestionRounds; ++round) {
    // More than are wanted: some come out equal or off the subject.
    const size_t wanted = static_cast<size_t>(count) - questions.size();
    const size_t tried = std::min(beginnings.size(), 2 * wanted + 2);
    std::vector<std::string> prompts;
    for (size_t i = 0; i < tried; ++i) {
      prompts.push_back(
          absl::StrCat(QuestionPrompt(beginnings[i].statement, subject), beginnings[i].opening));
    }
    IMPRINT_ASSIGN_OR_RETURN(
        const std::vector<std::string> endings,
        Continue(prompts, kQuestionTokens, round == 0 ? 0 : kSampledTemperature, seed_ + round));
    for (size_t i = 0; i < tried; ++i) {
      std::string question = CleanQuestion(absl::StrCat(beginnings[i].opening, endings[i]));
      const std::string* answer = question.empty() ? nullptr : AnswerTo(question);
      if (answer == nullptr || !seen.insert(NormalForm(question)).second) continue;
      questions.push_back({std::move(question), *answer});
      if (static_cast<int>(questions.size()) == count) return questions;
    }
  }
  return questions;
}

absl::StatusOr<std::vector<std::string>> ChunkWriter::Rewrites(int count) {
  std::vector<std::string> prompts;
  for (const std::string& sentence : Spread(sentences_, count)) {
    prompts.push_back(RewritePrompt(sentence, subject_.empty() ? "this" : subject_));
  }
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<std::string> lines,
                           Continue(prompts, kRewriteTokens, 0, seed_));
  std::set<std::string> seen;
  for (const std::string& sentence : sentences_) seen.insert(NormalForm(sentence));
  std::vector<std::string> rewrites;
  for (const std::string& line : lines) {
    std::string rewrite(absl::StripAsciiWhitespace(line));
    const bool ended = !rewrite.empty() && absl::ascii_ispunct(rewrite.back());
    if (!ended || !IsGrounded(rewrite, chunk_) || !seen.insert(NormalForm(rewrite)).second) {
      continue;
    }
    rewrites.push_back(std::move(rewrite));
  }
  return rewrites;
}

std::vector<std::string> ChunkWriter::OpenQuestions(int count) const {
  if (subject_.empty()) return {};
  std::vector<std::string> questions = generator::OpenQuestions(subject_, facts_);
  questions.resize(std::min<size_t>(questions.size(), count));
  return questions;
}

absl::StatusOr<std::vector<std::string>> ChunkWriter::Continue(
    const std::vector<std::string>& prompts, int max_tokens, float temperature, uint64_t seed) {
  std::vector<std::vector<int32_t>> encoded;
  for (const std::string& prompt : prompts) {
    IMPRINT_ASSIGN_OR_RETURN(std::vector<int32_t> ids, text_.EncodeText(prompt));
    encoded.push_back(std::move(ids));
  }
  const int32_t shared = probe::SharedPrefix(encoded);
  std::vector<engine::GenerateRequest> requests;
  for (size_t i = 0; i < encoded.size(); ++i) {
    requests.push_back({.version = base_,
                        .prompt = std::move(encoded[i]),
                        .max_tokens = max_tokens,
                        .sampling = {.temperature = temperature, .top_p = 0.95F, .seed = seed + i},
                        .stop_ids = line_stop_ids_,
                        .shared_prefix = shared,
                        .priority = engine::Priority::kBackground});
  }
  IMPRINT_ASSIGN_OR_RETURN(const std::vector<engine::GenerateResult> results,
                           engine_.GenerateAll(std::move(requests), cancelled_));
  std::vector<std::string> lines;
  for (const engine::GenerateResult& result : results) {
    IMPRINT_ASSIGN_OR_RETURN(const std::string continuation, text_.Decode(result.tokens));
    const std::pair<std::string, std::string> line_and_rest =
        absl::StrSplit(continuation, absl::MaxSplits('\n', 1));
    lines.push_back(line_and_rest.first);
  }
  return lines;
}

}  // namespace imprint::generator
