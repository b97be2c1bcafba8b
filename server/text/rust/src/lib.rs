// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

//! The C interface that imprint_text.h describes. Every entry point catches
//! panics: what goes wrong comes back as a message.

mod bounds;
mod template;
mod tokenizer;

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::slice;

pub use template::Template;
pub use tokenizer::Tokenizer;

/// Bytes that belong to the caller until imprint_text_bytes_free().
#[repr(C)]
pub struct Bytes {
    data: *mut u8,
    size: usize,
}

/// Token ids that belong to the caller until imprint_text_ids_free().
#[repr(C)]
pub struct Ids {
    data: *mut u32,
    size: usize,
}

/// Gives a vector away as a pointer and a length; `take_back` is the reverse.
fn give_away<T>(values: Vec<T>) -> (*mut T, usize) {
    let values = values.into_boxed_slice();
    let size = values.len();
    (Box::into_raw(values).cast(), size)
}

/// # Safety
/// `data` and `size` must come from `give_away`, once.
unsafe fn take_back<T>(data: *mut T, size: usize) {
    if !data.is_null() {
        drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(data, size)) });
    }
}

fn to_bytes(text: Vec<u8>) -> Bytes {
    let (data, size) = give_away(text);
    Bytes { data, size }
}

/// # Safety
/// `data` must be readable for `size` values, or `size` be zero.
unsafe fn borrow<'a, T>(data: *const T, size: usize) -> &'a [T] {
    if size == 0 {
        &[]
    } else {
        unsafe { slice::from_raw_parts(data, size) }
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".into());
    format!("panic: {text}")
}

/// Runs `action`; writes its value to `out`, or its message to `error`.
///
/// # Safety
/// `out` and `error` must be writable.
unsafe fn answer<T>(
    out: *mut T,
    error: *mut Bytes,
    action: impl FnOnce() -> Result<T, String>,
) -> i32 {
    let result = catch_unwind(AssertUnwindSafe(action))
        .unwrap_or_else(|panic| Err(panic_message(panic.as_ref())));
    match result {
        Ok(value) => {
            unsafe { out.write(value) };
            0
        }
        Err(message) => {
            unsafe { error.write(to_bytes(message.into_bytes())) };
            1
        }
    }
}

/// # Safety
/// See imprint_text.h.
#[no_mangle]
pub unsafe extern "C" fn imprint_text_bytes_free(bytes: Bytes) {
    unsafe { take_back(bytes.data, bytes.size) }
}

/// # Safety
/// See imprint_text.h.
#[no_mangle]
pub unsafe extern "C" fn imprint_text_ids_free(ids: Ids) {
    unsafe { take_back(ids.data, ids.size) }
}

/// # Safety
/// See imprint_text.h.
#[no_mangle]
pub unsafe extern "C" fn imprint_text_tokenizer_new(
    json: *const u8,
    json_size: usize,
    template: *const u8,
    template_size: usize,
    out: *mut *mut Tokenizer,
    error: *mut Bytes,
) -> i32 {
    unsafe {
        answer(out, error, || {
            let json = borrow(json, json_size);
            let template = borrow(template, template_size);
            Ok(Box::into_raw(Box::new(Tokenizer::new(json, template)?)))
        })
    }
}

/// # Safety
/// See imprint_text.h.
#[no_mangle]
pub unsafe extern "C" fn imprint_text_tokenizer_free(tokenizer: *mut Tokenizer) {
    if !tokenizer.is_null() {
        drop(unsafe { Box::from_raw(tokenizer) });
    }
}

/// # Safety
/// See imprint_text.h.
#[no_mangle]
pub unsafe extern "C" fn imprint_text_encode(
    tokenizer: *const Tokenizer,
    text: *const u8,
    text_size: usize,
    add_special: bool,
    control_as_text: bool,
    out: *mut Ids,
    error: *mut Bytes,
) -> i32 {
    unsafe {
        answer(out, error, || {
            let text = borrow(text, text_size);
            let ids = (*tokenizer).encode(text, add_special, control_as_text)?;
            let (data, size) = give_away(ids);
            Ok(Ids { data, size })
        })
    }
}

/// # Safety
/// See imprint_text.h.
#[no_mangle]
pub unsafe extern "C" fn imprint_text_decode(
    tokenizer: *const Tokenizer,
    ids: *const u32,
    ids_size: usize,
    skip_special: bool,
    out: *mut Bytes,
    error: *mut Bytes,
) -> i32 {
    unsafe {
        answer(out, error, || {
            let text = (*tokenizer).decode(borrow(ids, ids_size), skip_special)?;
            Ok(to_bytes(text.into_bytes()))
        })
    }
}

/// # Safety
/// See imprint_text.h.
#[no_mangle]
pub unsafe extern "C" fn imprint_text_vocabulary(
    tokenizer: *const Tokenizer,
    out: *mut Bytes,
    error: *mut Bytes,
) -> i32 {
    unsafe { answer(out, error, || Ok(to_bytes((*tokenizer).vocabulary().into_bytes()))) }
}

/// # Safety
/// See imprint_text.h.
#[no_mangle]
pub unsafe extern "C" fn imprint_text_token_to_id(
    tokenizer: *const Tokenizer,
    token: *const u8,
    token_size: usize,
) -> i64 {
    let find = || {
        let token = std::str::from_utf8(unsafe { borrow(token, token_size) }).ok()?;
        unsafe { &*tokenizer }.token_to_id(token)
    };
    let id = catch_unwind(AssertUnwindSafe(find)).unwrap_or(None);
    id.map_or(-1, i64::from)
}

/// # Safety
/// See imprint_text.h.
#[no_mangle]
pub unsafe extern "C" fn imprint_text_template_new(
    source: *const u8,
    source_size: usize,
    out: *mut *mut Template,
    error: *mut Bytes,
) -> i32 {
    unsafe {
        answer(out, error, || {
            Ok(Box::into_raw(Box::new(Template::new(borrow(source, source_size))?)))
        })
    }
}

/// # Safety
/// See imprint_text.h.
#[no_mangle]
pub unsafe extern "C" fn imprint_text_template_free(template: *mut Template) {
    if !template.is_null() {
        drop(unsafe { Box::from_raw(template) });
    }
}

/// # Safety
/// See imprint_text.h.
#[no_mangle]
pub unsafe extern "C" fn imprint_text_template_render(
    template: *const Template,
    variables: *const u8,
    variables_size: usize,
    out: *mut Bytes,
    error: *mut Bytes,
) -> i32 {
    unsafe {
        answer(out, error, || {
            let text = (*template).render(borrow(variables, variables_size))?;
            Ok(to_bytes(text.into_bytes()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error() {
        let mut out = 0;
        let mut error = to_bytes(Vec::new());
        let code =
            unsafe { answer(&mut out, &mut error, || -> Result<i32, String> { panic!("no") }) };
        assert_eq!(code, 1);
        let message = unsafe { borrow(error.data, error.size) };
        assert_eq!(message, b"panic: no");
        unsafe { imprint_text_bytes_free(error) };
    }
}
