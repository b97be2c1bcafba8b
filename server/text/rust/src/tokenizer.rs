// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

//! A tokenizer as tokenizer.json describes it.

use std::collections::HashSet;

use serde_json::{json, Value};

/// Two readings of one file: `plain`, as the file says, and `literal`, which takes
/// the text of a control token for ordinary text.
pub struct Tokenizer {
    plain: tokenizers::Tokenizer,
    literal: tokenizers::Tokenizer,
}

impl Tokenizer {
    /// A control token is one that the file calls special, or an added one that the
    /// chat template names (`<think>`, say). Whitespace never is.
    pub fn new(json: &[u8], template: &[u8]) -> Result<Self, String> {
        let template = std::str::from_utf8(template)
            .map_err(|e| format!("the chat template is not UTF-8: {e}"))?;
        let mut file: Value = serde_json::from_slice(json).map_err(|e| e.to_string())?;
        let plain = load(&file)?;
        let added = file.get_mut("added_tokens").and_then(Value::as_array_mut);
        for token in added.into_iter().flatten() {
            let content = token.get("content").and_then(Value::as_str).unwrap_or_default();
            if !content.trim().is_empty() && template.contains(content) {
                token["special"] = Value::Bool(true);
            }
        }
        let mut literal = load(&file)?;
        literal.set_encode_special_tokens(true);
        Ok(Self { plain, literal })
    }

    pub fn encode(
        &self,
        text: &[u8],
        add_special: bool,
        control_as_text: bool,
    ) -> Result<Vec<u32>, String> {
        let text = std::str::from_utf8(text).map_err(|e| format!("the text is not UTF-8: {e}"))?;
        let tokenizer = if control_as_text { &self.literal } else { &self.plain };
        let encoding = tokenizer.encode_fast(text, add_special).map_err(|e| e.to_string())?;
        Ok(encoding.get_ids().to_vec())
    }

    pub fn decode(&self, ids: &[u32], skip_special: bool) -> Result<String, String> {
        self.plain.decode(ids, skip_special).map_err(|e| e.to_string())
    }

    pub fn token_to_id(&self, token: &str) -> Option<u32> {
        self.plain.token_to_id(token)
    }

    /// What imprint_text_vocabulary() describes.
    pub fn vocabulary(&self) -> String {
        let size = self.plain.get_vocab(true).values().max().map_or(0, |id| u64::from(*id) + 1);
        // `literal` is the one that knows which tokens control.
        let control: HashSet<u32> = self
            .literal
            .get_added_tokens_decoder()
            .into_iter()
            .filter(|(_, token)| token.special)
            .map(|(id, _)| id)
            .collect();
        let mut added: Vec<_> = self.plain.get_added_tokens_decoder().into_iter().collect();
        added.sort_by_key(|(id, _)| *id);
        let added: Vec<Value> = added
            .into_iter()
            .map(|(id, token)| {
                json!({"id": id, "content": token.content, "special": token.special,
                       "control": control.contains(&id)})
            })
            .collect();
        json!({"size": size, "added": added}).to_string()
    }
}

fn load(file: &Value) -> Result<tokenizers::Tokenizer, String> {
    let mut tokenizer: tokenizers::Tokenizer =
        serde_json::from_value(file.clone()).map_err(|e| e.to_string())?;
    // A file may carry the settings of the training run that wrote it; a server
    // wants every token of the text and no padding.
    tokenizer.with_truncation(None).map_err(|e| e.to_string())?;
    tokenizer.with_padding(None);
    Ok(tokenizer)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes "h e l o", a space, and merges up to "hello"; `<|end|>` is special,
    /// `<note>` is an added token that is not.
    fn small_tokenizer() -> String {
        json!({
            "version": "1.0", "truncation": {"max_length": 2, "strategy": "LongestFirst",
                                              "stride": 0, "direction": "Right"},
            "padding": null,
            "added_tokens": [
                {"id": 0, "content": "<|end|>", "single_word": false, "lstrip": false,
                 "rstrip": false, "normalized": false, "special": true},
                {"id": 17, "content": "<note>", "single_word": false, "lstrip": false,
                 "rstrip": false, "normalized": false, "special": false}],
            "normalizer": null,
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false,
                              "trim_offsets": true, "use_regex": true},
            "post_processor": null,
            "decoder": {"type": "ByteLevel", "add_prefix_space": true,
                        "trim_offsets": true, "use_regex": true},
            "model": {"type": "BPE", "dropout": null, "unk_token": null,
                "continuing_subword_prefix": null, "end_of_word_suffix": null,
                "fuse_unk": false, "byte_fallback": false,
                "vocab": {"<|end|>": 0, "h": 1, "e": 2, "l": 3, "o": 4, "\u{120}": 5, "he": 6,
                          "ll": 7, "hell": 8, "hello": 9, "\u{120}hello": 10, "<": 11, "|": 12,
                          "n": 13, "d": 14, ">": 15, "t": 16},
                "merges": [["h", "e"], ["l", "l"], ["he", "ll"], ["hell", "o"],
                           ["\u{120}", "hello"]]}
        })
        .to_string()
    }

    fn tokenizer(template: &str) -> Tokenizer {
        Tokenizer::new(small_tokenizer().as_bytes(), template.as_bytes()).unwrap()
    }

    #[test]
    fn encodes_and_decodes_without_the_files_truncation() {
        let tokenizer = tokenizer("");
        let ids = tokenizer.encode(b"hello hello hello", true, false).unwrap();
        assert_eq!(ids, [9, 10, 10]);
        assert_eq!(tokenizer.decode(&ids, false).unwrap(), "hello hello hello");
    }

    #[test]
    fn special_token_is_found_unless_text_is_literal() {
        let tokenizer = tokenizer("");
        assert_eq!(tokenizer.encode(b"<|end|>", false, false).unwrap(), [0]);
        let literal = tokenizer.encode(b"<|end|>", false, true).unwrap();
        assert!(!literal.contains(&0));
        assert_eq!(tokenizer.decode(&literal, true).unwrap(), "<|end|>");
    }

    #[test]
    fn added_token_is_a_control_token_where_the_template_names_it() {
        assert_eq!(tokenizer("").encode(b"<note>", false, true).unwrap(), [17]);
        let named = tokenizer("{{ '<note>' }}");
        assert_eq!(named.encode(b"<note>", false, false).unwrap(), [17]);
        assert_eq!(named.encode(b"<note>", false, true).unwrap(), [11, 13, 4, 16, 2, 15]);
    }

    #[test]
    fn vocabulary_counts_to_the_largest_id() {
        let vocabulary: Value = serde_json::from_str(&tokenizer("").vocabulary()).unwrap();
        assert_eq!(vocabulary["size"], 18);
        assert_eq!(vocabulary["added"][0]["content"], "<|end|>");
        assert_eq!(vocabulary["added"][1]["special"], false);
    }

    #[test]
    fn bad_input_is_an_error() {
        assert!(Tokenizer::new(b"{", b"").is_err());
        assert!(Tokenizer::new(b"{}", b"").is_err());
        assert!(Tokenizer::new(small_tokenizer().as_bytes(), b"\xff").is_err());
        let error = tokenizer("").encode(b"\xff", false, false).unwrap_err();
        assert!(error.contains("not UTF-8"), "{error}");
    }
}
