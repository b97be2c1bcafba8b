// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

//! Bounds what a template may make.
//!
//! A template that stores a namespace in itself, or wraps a list into a list again and again, makes
//! a value that nothing can print, compare or let go of without running out of stack, which ends
//! the process. A list that is repeated is made only where it is used, and takes all memory then.
//! The engine has no bound for either. So what a `set` assigns goes through a filter that looks at
//! it, and so does what is printed, joined or made a list or JSON.
//!
//! What is left: filters in a chain that wrap in each other's results, which is as long as the
//! template's text.

use std::cell::Cell;

use minijinja::machinery::{tokenize, Token, WhitespaceConfig};
use minijinja::value::{Value, ValueKind};
use minijinja::{escape_formatter, filters, Environment, Error, ErrorKind, State};

/// Lists in lists. Templates of models have a few.
const MAX_DEPTH: usize = 64;
/// Values that one rendering may look at for it: a second's worth.
const MAX_VALUES: u64 = 20_000_000;
/// Values of a list that is made of a repeated one.
const MAX_LENGTH: usize = 1_000_000;
/// Of macros that call themselves: 40 of them. The engine counts 4 for each.
const MAX_RECURSION: usize = 160;

/// Names that no template has.
const BOUNDED: &str = "imprint_bounded";
const STORABLE: &str = "imprint_storable";

thread_local! {
    static VALUES_LEFT: Cell<u64> = const { Cell::new(MAX_VALUES) };
}

/// Adds the filters that `with_bounds` names.
pub fn add_bounds(environment: &mut Environment<'static>) {
    environment.set_recursion_limit(MAX_RECURSION);
    environment.add_filter(BOUNDED, |value: Value| bounded(value, true));
    environment.add_filter(STORABLE, |value: Value| bounded(value, false));
    // These make what was only described. Where writing fails, a list goes on to its end all the same.
    environment.set_formatter(|out, state, value| {
        look(value, true, 0)?;
        escape_formatter(out, state, value)
    });
    environment.add_filter("list", |state: &State, value: Value| {
        filters::list(state, bounded(value, true)?)
    });
    environment.add_filter("join", join);
}

fn join(value: Value, joiner: Option<String>) -> Result<String, Error> {
    let joiner = joiner.unwrap_or_default();
    if let Some(text) = value.as_str() {
        let characters: Vec<String> = text.chars().map(String::from).collect();
        return Ok(characters.join(&joiner));
    }
    let items: Vec<String> =
        bounded(value, true)?.try_iter()?.map(|item| item.to_string()).collect();
    Ok(items.join(&joiner))
}

/// At the begin of each rendering on this thread.
pub fn begin_rendering() {
    VALUES_LEFT.set(MAX_VALUES);
}

/// The template with the filters in each `set`. Where it is no template, as it is.
pub fn with_bounds(source: &str) -> String {
    insertions(source).map_or_else(
        || source.to_owned(),
        |insertions| {
            let mut text = String::with_capacity(source.len() + insertions.len() * 24);
            let mut at = 0;
            for (offset, inserted) in insertions {
                text.push_str(&source[at..offset]);
                text.push_str(&inserted);
                at = offset;
            }
            text.push_str(&source[at..]);
            text
        },
    )
}

/// What to insert where, in order; None: the source cannot be read.
fn insertions(source: &str) -> Option<Vec<(usize, String)>> {
    let whitespace =
        WhitespaceConfig { trim_blocks: true, lstrip_blocks: true, ..WhitespaceConfig::default() };
    let mut tokens = Vec::new();
    for token in tokenize(source, false, Default::default(), whitespace) {
        tokens.push(token.ok()?);
    }
    let mut found = Vec::new();
    let mut next = 0;
    while next < tokens.len() {
        let is_set = matches!(tokens[next].0, Token::BlockStart)
            && matches!(tokens.get(next + 1), Some((Token::Ident("set"), _)));
        next += 1;
        if !is_set {
            continue;
        }
        next += 1;
        let end = next + tokens[next..].iter().position(|t| matches!(t.0, Token::BlockEnd))?;
        let assigned = tokens[next..end].iter().position(|t| matches!(t.0, Token::Assign));
        let target_end = assigned.map_or(end, |assign| next + assign);
        let is_attribute = tokens[next..target_end].iter().any(|t| matches!(t.0, Token::Dot));
        let filter = if is_attribute { STORABLE } else { BOUNDED };
        let block_end = tokens[end].1.start_offset as usize;
        match assigned {
            // `{% set x = %}` stays the mistake that it is.
            Some(assign) if next + assign + 1 < end => {
                found.push((tokens[next + assign].1.end_offset as usize, " (".to_owned()));
                found.push((block_end, format!(") | {filter} ")));
            }
            Some(_) => {}
            // `{% set x %}...{% endset %}`, perhaps with filters.
            None => found.push((block_end, format!(" | {filter} "))),
        }
        next = end;
    }
    Some(found)
}

/// The value, if it can be made, printed and let go of.
pub fn bounded(value: Value, may_hold_namespaces: bool) -> Result<Value, Error> {
    look(&value, may_hold_namespaces, 0)?;
    Ok(value)
}

fn look(value: &Value, may_hold_namespaces: bool, depth: usize) -> Result<(), Error> {
    let refuse = |what: String| Err(Error::new(ErrorKind::InvalidOperation, what));
    let left = VALUES_LEFT.get();
    if left == 0 {
        return refuse(format!("set: more than {MAX_VALUES} values are assigned"));
    }
    VALUES_LEFT.set(left - 1);
    match value.kind() {
        ValueKind::Seq | ValueKind::Map => {}
        ValueKind::Iterable if value.len().is_some_and(|length| length > MAX_LENGTH) => {
            return refuse(format!("a list of more than {MAX_LENGTH} values is too long"));
        }
        _ => return Ok(()),
    }
    if !may_hold_namespaces && is_namespace(value) {
        return refuse("set: a namespace cannot hold a namespace".to_owned());
    }
    if depth == MAX_DEPTH {
        return refuse(format!("set: lists in lists, more than {MAX_DEPTH}"));
    }
    let is_map = value.kind() == ValueKind::Map;
    for item in value.try_iter()? {
        let inner = if is_map { value.get_item(&item)? } else { item };
        look(&inner, may_hold_namespaces, depth + 1)?;
    }
    Ok(())
}

/// Of what `namespace()` gives: alone of all values it can be changed.
fn is_namespace(value: &Value) -> bool {
    value.as_object().is_some_and(|object| object.type_name().ends_with("::Namespace"))
}
