// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// The C interface of the Rust crate beside this file: tokenizers and chat
// templates, as Hugging Face's libraries read them. Only server/text includes it.
//
// Every function that returns int gives 0 and fills *out, or gives 1 and fills
// *error with a message in UTF-8; nothing unwinds across the border. A handle may
// be used by many threads at once; a buffer belongs to the caller, who frees it.

#ifndef IMPRINT_SERVER_TEXT_RUST_IMPRINT_TEXT_H_
#define IMPRINT_SERVER_TEXT_RUST_IMPRINT_TEXT_H_

#include <stddef.h>
#include <stdint.h>

extern "C" {

struct ImprintTextBytes {
  uint8_t* data;
  size_t size;
};

struct ImprintTextIds {
  uint32_t* data;
  size_t size;
};

struct ImprintTextTokenizer;
struct ImprintTextTemplate;

void imprint_text_bytes_free(ImprintTextBytes bytes);
void imprint_text_ids_free(ImprintTextIds ids);

// From the bytes of a tokenizer.json. A control token is one that the file calls
// special, or an added one whose text occurs in the chat template (which may be empty).
int imprint_text_tokenizer_new(const char* json, size_t json_size, const char* chat_template,
                               size_t chat_template_size, ImprintTextTokenizer** out,
                               ImprintTextBytes* error);
void imprint_text_tokenizer_free(ImprintTextTokenizer* tokenizer);

// With `add_special`, adds what the tokenizer's post-processor adds (a
// beginning-of-sequence token, say). With `control_as_text`, the text of a control
// token is read as ordinary text and never becomes that token.
int imprint_text_encode(const ImprintTextTokenizer* tokenizer, const char* text, size_t text_size,
                        bool add_special, bool control_as_text, ImprintTextIds* out,
                        ImprintTextBytes* error);

// Ids that the tokenizer does not have are passed over.
int imprint_text_decode(const ImprintTextTokenizer* tokenizer, const uint32_t* ids, size_t ids_size,
                        bool skip_special, ImprintTextBytes* out, ImprintTextBytes* error);

// A JSON object: {"size": largest id + 1,
//                 "added": [{"id", "content", "special", "control"}]}.
int imprint_text_vocabulary(const ImprintTextTokenizer* tokenizer, ImprintTextBytes* out,
                            ImprintTextBytes* error);

// The id of exactly this token, or -1.
int64_t imprint_text_token_to_id(const ImprintTextTokenizer* tokenizer, const char* token,
                                 size_t token_size);

int imprint_text_template_new(const char* source, size_t source_size, ImprintTextTemplate** out,
                              ImprintTextBytes* error);
void imprint_text_template_free(ImprintTextTemplate* chat_template);

// `variables` is a JSON object: messages, add_generation_prompt, bos_token, ...
int imprint_text_template_render(const ImprintTextTemplate* chat_template, const char* variables,
                                 size_t variables_size, ImprintTextBytes* out,
                                 ImprintTextBytes* error);

}  // extern "C"

#endif  // IMPRINT_SERVER_TEXT_RUST_IMPRINT_TEXT_H_
