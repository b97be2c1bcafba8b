// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/text/model_folder.h"

#include <stdlib.h>

#include <cstdio>
#include <fstream>
#include <stdexcept>

namespace imprint::text {
namespace {

nlohmann::json AddedToken(int id, const std::string& content, bool special) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", special}};
}

std::string Utf8(int code_point) {
  std::string text;
  if (code_point < 0x80) {
    text.push_back(static_cast<char>(code_point));
  } else {
    text.push_back(static_cast<char>(0xC0 | (code_point >> 6)));
    text.push_back(static_cast<char>(0x80 | (code_point & 0x3F)));
  }
  return text;
}

// GPT-2's character for a byte: itself where it prints, else one from U+0100 on.
std::string ByteCharacter(int byte) {
  const auto prints = [](int b) {
    return (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || (b >= 0xAE && b <= 0xFF);
  };
  if (prints(byte)) return Utf8(byte);
  int rank = 0;
  for (int b = 0; b < byte; ++b) rank += prints(b) ? 0 : 1;
  return Utf8(0x100 + rank);
}

}  // namespace

ModelFolder::ModelFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "imprint-text-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp: " + pattern);
  path_ = pattern;
}

ModelFolder::~ModelFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void ModelFolder::Write(const std::string& name, std::string_view contents) const {
  std::ofstream file(path_ / name, std::ios::binary);
  file.write(contents.data(), static_cast<std::streamsize>(contents.size()));
}

void ModelFolder::WriteJson(const std::string& name, const nlohmann::json& contents) const {
  Write(name, contents.dump());
}

void ModelFolder::Remove(const std::string& name) const { std::filesystem::remove(path_ / name); }

nlohmann::json ByteLevelTokenizer() {
  nlohmann::json vocab = {{"<|endoftext|>", kEndOfText},
                          {"<|im_start|>", kImStart},
                          {"<|im_end|>", kImEnd},
                          {"<think>", kThink}};
  int next = kThink + 1;
  for (int byte = 0; byte < 256; ++byte) vocab[ByteCharacter(byte)] = next++;
  nlohmann::json merges = nlohmann::json::array();
  const auto merge = [&](const std::string& left, const std::string& right) {
    merges.push_back({left, right});
    vocab[left + right] = next++;
  };
  merge("h", "e");
  merge("l", "l");
  merge("he", "ll");
  merge("hell", "o");
  merge(ByteCharacter(' '), "hello");
  merge(ByteCharacter(0xF0), ByteCharacter(0x9F));
  return {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens",
       {AddedToken(kEndOfText, "<|endoftext|>", true), AddedToken(kImStart, "<|im_start|>", true),
        AddedToken(kImEnd, "<|im_end|>", true), AddedToken(kThink, "<think>", false)}},
      {"normalizer", nullptr},
      {"pre_tokenizer",
       {{"type", "ByteLevel"},
        {"add_prefix_space", false},
        {"trim_offsets", true},
        {"use_regex", true}}},
      {"post_processor", nullptr},
      {"decoder",
       {{"type", "ByteLevel"},
        {"add_prefix_space", true},
        {"trim_offsets", true},
        {"use_regex", true}}},
      {"model",
       {{"type", "BPE"},
        {"dropout", nullptr},
        {"unk_token", nullptr},
        {"continuing_subword_prefix", nullptr},
        {"end_of_word_suffix", nullptr},
        {"fuse_unk", false},
        {"byte_fallback", false},
        {"vocab", vocab},
        {"merges", merges}}}};
}

nlohmann::json SentencePieceTokenizer() {
  nlohmann::json vocab = {{"<unk>", 0}, {"<s>", 1}, {"</s>", 2}};
  int next = 3;
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", byte);
    vocab[name] = next++;
  }
  for (const char* piece : {"\u2581", "h", "e", "l", "o", "w", "r", "d", "<", "/", "s", ">", "!"}) {
    vocab[piece] = next++;
  }
  nlohmann::json merges = nlohmann::json::array();
  const auto merge = [&](const std::string& left, const std::string& right) {
    merges.push_back({left, right});
    vocab[left + right] = next++;
  };
  merge("h", "e");
  merge("l", "l");
  merge("he", "ll");
  merge("hell", "o");
  merge("\u2581", "hello");
  const nlohmann::json bos = {{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}};
  const nlohmann::json first = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  const nlohmann::json second = {{"Sequence", {{"id", "B"}, {"type_id", 1}}}};
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens",
           {AddedToken(0, "<unk>", true), AddedToken(1, "<s>", true), AddedToken(2, "</s>", true)}},
          {"normalizer",
           {{"type", "Sequence"},
            {"normalizers",
             {{{"type", "Prepend"}, {"prepend", "\u2581"}},
              {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\u2581"}}}}}},
          {"pre_tokenizer", nullptr},
          {"post_processor",
           {{"type", "TemplateProcessing"},
            {"single", {bos, first}},
            {"pair", {bos, first, second}},
            {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {1}}, {"tokens", {"<s>"}}}}}}}},
          {"decoder",
           {{"type", "Sequence"},
            {"decoders",
             {{{"type", "Replace"}, {"pattern", {{"String", "\u2581"}}}, {"content", " "}},
              {{"type", "ByteFallback"}},
              {{"type", "Fuse"}},
              {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}}}}},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", "<unk>"},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", true},
            {"byte_fallback", true},
            {"vocab", vocab},
            {"merges", merges}}}};
}

nlohmann::json ChatMlConfig() {
  return {{"bos_token", "<|im_start|>"},
          {"eos_token", {{"content", "<|im_end|>"}, {"special", true}}},
          {"chat_template",
           "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + "
           "message['content'].strip() + '<|im_end|>' + '\n' }}{% endfor %}"
           "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"}};
}

}  // namespace imprint::text
