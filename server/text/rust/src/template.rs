// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

//! A chat template, rendered as `transformers` renders it: Jinja with trimmed
//! blocks, Python's string methods, and the functions that templates expect.

use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind};
use serde::Serialize;

use crate::bounds::{add_bounds, begin_rendering, bounded, with_bounds};

const NAME: &str = "chat_template";

/// Instructions that one rendering may take; a loop without an end stops here.
const FUEL: u64 = 50_000_000;

/// Bytes that a template may add to four times what is said: lists may be repeated without being
/// made.
const MAX_OUTPUT: usize = 16 << 20;

/// Text that ends with an error where it becomes too long.
struct Bounded {
    text: Vec<u8>,
    room: usize,
}

impl std::io::Write for Bounded {
    fn write(&mut self, piece: &[u8]) -> std::io::Result<usize> {
        if self.text.len() + piece.len() > self.room {
            return Err(std::io::Error::other("the template writes too much"));
        }
        self.text.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub struct Template {
    environment: Environment<'static>,
}

impl Template {
    pub fn new(source: &[u8]) -> Result<Self, String> {
        let source =
            std::str::from_utf8(source).map_err(|e| format!("the template is not UTF-8: {e}"))?;
        let mut environment = Environment::new();
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_fuel(Some(FUEL));
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", raise_exception);
        environment.add_function("strftime_now", strftime_now);
        environment.add_filter("tojson", to_json);
        add_bounds(&mut environment);
        environment
            .add_template_owned(NAME, with_bounds(&without_generation_tags(source)))
            .map_err(|e| describe(&e))?;
        Ok(Self { environment })
    }

    /// `variables` is a JSON object.
    pub fn render(&self, variables: &[u8]) -> Result<String, String> {
        let size = variables.len();
        let variables: serde_json::Value = serde_json::from_slice(variables)
            .map_err(|e| format!("the template's variables are no JSON: {e}"))?;
        if !variables.is_object() {
            return Err("the template's variables are no JSON object".into());
        }
        begin_rendering();
        let template = self.environment.get_template(NAME).map_err(|e| describe(&e))?;
        let mut text = Bounded { text: Vec::new(), room: MAX_OUTPUT + 4 * size };
        template
            .render_captured_to(Value::from_serialize(&variables), &mut text)
            .map_err(|e| describe(&e))?;
        String::from_utf8(text.text).map_err(|e| format!("the template's text is no UTF-8: {e}"))
    }
}

/// The message of an error and of what caused it, on one line.
fn describe(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text.replace('\n', " ")
}

fn raise_exception(message: String) -> Result<Value, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, message))
}

/// Local time in the form of C's strftime, as Python's datetime.strftime gives it.
fn strftime_now(format: String) -> Result<String, Error> {
    let invalid = || Error::new(ErrorKind::InvalidOperation, "strftime_now: bad format");
    let format = std::ffi::CString::new(format).map_err(|_| invalid())?;
    if format.is_empty() {
        return Ok(String::new());
    }
    // SAFETY: localtime_r fills `parts`, strftime writes at most `buffer.len()`
    // bytes and returns how many.
    let mut buffer = vec![0u8; 1024];
    let written = unsafe {
        let now = libc::time(std::ptr::null_mut());
        let mut parts: libc::tm = std::mem::zeroed();
        if libc::localtime_r(&now, &mut parts).is_null() {
            return Err(invalid());
        }
        libc::strftime(buffer.as_mut_ptr().cast(), buffer.len(), format.as_ptr(), &parts)
    };
    buffer.truncate(written);
    String::from_utf8(buffer).map_err(|_| invalid())
}

/// Python's json.dumps(value, ensure_ascii=False): nothing is escaped for HTML.
fn to_json(value: Value, options: Kwargs) -> Result<Value, Error> {
    let value = bounded(value, true)?;
    let failed =
        |e: serde_json::Error| Error::new(ErrorKind::BadSerialization, format!("tojson: {e}"));
    let indent: Option<Value> = options.get("indent")?;
    let ensure_ascii: Option<bool> = options.get("ensure_ascii")?;
    let sort_keys: Option<bool> = options.get("sort_keys")?;
    let separators: Option<Vec<String>> = options.get("separators")?;
    options.assert_all_used()?;
    let mut json = serde_json::to_value(&value).map_err(failed)?;
    if sort_keys.unwrap_or(false) {
        json.sort_all_objects();
    }
    let indent = match indent {
        Some(indent) if indent.kind() == ValueKind::Number => {
            let width = usize::try_from(indent).unwrap_or(0).min(64);
            Some(" ".repeat(width))
        }
        Some(indent) if indent.kind() == ValueKind::String => Some(indent.to_string()),
        _ => None,
    };
    let (item, key) = match separators.as_deref() {
        Some([item, key]) => (item.clone(), key.clone()),
        Some(_) => {
            return Err(Error::new(ErrorKind::InvalidOperation, "tojson: separators are a pair"))
        }
        None if indent.is_some() => (",".to_string(), ": ".to_string()),
        None => (", ".to_string(), ": ".to_string()),
    };
    let mut text = Vec::new();
    let style = PythonStyle { item, key, indent, depth: 0, filled: false };
    json.serialize(&mut serde_json::Serializer::with_formatter(&mut text, style))
        .map_err(failed)?;
    let text = String::from_utf8(text)
        .map_err(|_| Error::new(ErrorKind::BadSerialization, "tojson: not UTF-8"))?;
    let text = if ensure_ascii.unwrap_or(false) { ascii_only(&text) } else { text };
    Ok(Value::from_safe_string(text))
}

/// Characters outside ASCII as \uXXXX, in pairs where UTF-16 needs two.
fn ascii_only(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() {
            text.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    text
}

/// JSON with the separators and line breaks of Python's json module.
struct PythonStyle {
    item: String,
    key: String,
    indent: Option<String>,
    depth: usize,
    filled: bool,
}

impl PythonStyle {
    fn open<W: ?Sized + std::io::Write>(
        &mut self,
        out: &mut W,
        bracket: &str,
    ) -> std::io::Result<()> {
        self.depth += 1;
        self.filled = false;
        out.write_all(bracket.as_bytes())
    }

    fn close<W: ?Sized + std::io::Write>(
        &mut self,
        out: &mut W,
        bracket: &str,
    ) -> std::io::Result<()> {
        self.depth -= 1;
        if self.filled {
            self.line_break(out)?;
        }
        self.filled = true;
        out.write_all(bracket.as_bytes())
    }

    fn next<W: ?Sized + std::io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if !first {
            out.write_all(self.item.as_bytes())?;
        }
        self.filled = true;
        self.line_break(out)
    }

    fn line_break<W: ?Sized + std::io::Write>(&self, out: &mut W) -> std::io::Result<()> {
        if let Some(indent) = &self.indent {
            out.write_all(b"\n")?;
            out.write_all(indent.repeat(self.depth).as_bytes())?;
        }
        Ok(())
    }
}

impl serde_json::ser::Formatter for PythonStyle {
    fn begin_array<W: ?Sized + std::io::Write>(&mut self, out: &mut W) -> std::io::Result<()> {
        self.open(out, "[")
    }

    fn end_array<W: ?Sized + std::io::Write>(&mut self, out: &mut W) -> std::io::Result<()> {
        self.close(out, "]")
    }

    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        self.next(out, first)
    }

    fn begin_object<W: ?Sized + std::io::Write>(&mut self, out: &mut W) -> std::io::Result<()> {
        self.open(out, "{")
    }

    fn end_object<W: ?Sized + std::io::Write>(&mut self, out: &mut W) -> std::io::Result<()> {
        self.close(out, "}")
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        self.next(out, first)
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(
        &mut self,
        out: &mut W,
    ) -> std::io::Result<()> {
        out.write_all(self.key.as_bytes())
    }
}

/// `{% generation %}` marks the assistant's tokens for `transformers` and has no
/// effect on the text, so it becomes a block that is always taken.
fn without_generation_tags(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{%") {
        let Some(length) = rest[start..].find("%}") else { break };
        let tag = &rest[start..start + length + 2];
        let inner = tag[2..tag.len() - 2].trim_matches(['-', '+']).trim();
        text.push_str(&rest[..start]);
        match inner {
            "generation" => text.push_str(&tag.replace("generation", "if true")),
            "endgeneration" => text.push_str(&tag.replace("endgeneration", "endif")),
            _ => text.push_str(tag),
        }
        rest = &rest[start + tag.len()..];
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(source: &str, variables: &str) -> Result<String, String> {
        Template::new(source.as_bytes())?.render(variables.as_bytes())
    }

    const CHAT: &str = r#"{"messages": [{"role": "system", "content": " be kind "},
        {"role": "user", "content": "h\u00e9 <b>"}], "add_generation_prompt": true}"#;

    #[test]
    fn renders_a_chat_with_python_methods() {
        let source = "{%- if messages[0]['role'] == 'system' %}\n\
            {{- '<|im_start|>system\n' + messages[0].content.strip() + '<|im_end|>\n' }}\n\
            {%- endif %}\n\
            {% for m in messages if m.role != 'system' %}\n\
            {{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}\n\
            {%- endfor %}\n\
            {% if add_generation_prompt %}\n\
            {{- '<|im_start|>assistant\n' }}\n\
            {%- endif %}";
        assert_eq!(
            render(source, CHAT).unwrap(),
            "<|im_start|>system\nbe kind<|im_end|>\n<|im_start|>user\nh\u{e9} <b><|im_end|>\n\
             <|im_start|>assistant\n"
        );
    }

    #[test]
    fn an_exception_carries_its_message() {
        let error = render("{{ raise_exception('roles must alternate') }}", "{}").unwrap_err();
        assert!(error.contains("roles must alternate"), "{error}");
    }

    #[test]
    fn to_json_writes_as_python_does() {
        let variables = r#"{"v": {"b": [1, "<é>"], "a": {}, "c": []}}"#;
        let show =
            |filter: &str| render(&format!("{{{{ v | tojson{filter} }}}}"), variables).unwrap();
        assert_eq!(show(""), r#"{"b": [1, "<é>"], "a": {}, "c": []}"#);
        assert_eq!(show("(sort_keys=true)"), r#"{"a": {}, "b": [1, "<é>"], "c": []}"#);
        assert_eq!(show("(separators=[',', ':'])"), r#"{"b":[1,"<é>"],"a":{},"c":[]}"#);
        assert_eq!(show("(ensure_ascii=true)"), r#"{"b": [1, "<\u00e9>"], "a": {}, "c": []}"#);
        assert_eq!(
            show("(indent=2)"),
            "{\n  \"b\": [\n    1,\n    \"<é>\"\n  ],\n  \"a\": {},\n  \"c\": []\n}"
        );
    }

    #[test]
    fn strftime_now_gives_the_year() {
        let year: i32 = render("{{ strftime_now('%Y') }}", "{}").unwrap().parse().unwrap();
        assert!(year >= 2026);
    }

    #[test]
    fn generation_tags_change_nothing() {
        let source =
            "{% for m in messages %}{%- generation -%} {{ m.role }} {%- endgeneration -%}\n\
                      {% endfor %}";
        assert_eq!(render(source, CHAT).unwrap(), "systemuser");
    }

    #[test]
    fn a_loop_without_an_end_stops() {
        let source = "{% for a in range(10000) %}{% for b in range(10000) %}\
                      {% if a * b < 0 %}{{ a }}{% endif %}{% endfor %}{% endfor %}";
        assert!(render(source, "{}").unwrap_err().contains("fuel"));
    }

    /// Each ended the process: there is no value so deep that it could be let go of.
    #[test]
    fn what_would_use_up_the_stack_is_refused() {
        let begin = "{% set ns = namespace(n=[]) %}";
        let wrap = "{% for a in range(1000) %}{% for b in range(100) %}{% set ns.n = [ns.n] %}\
                    {% endfor %}{% endfor %}{{ ns.n }}";
        for (source, why) in [
            (format!("{begin}{{% set ns.n = ns %}}{{{{ ns }}}}"), "namespace"),
            (format!("{begin}{{%- set ns.n = [ns] -%}}{{{{ ns == ns }}}}"), "namespace"),
            (format!("{begin}{{% set ns.n = {{'a': [ns]}} %}}{{{{ ns | tojson }}}}"), "namespace"),
            (
                format!("{begin}{{% set ns.n | default(ns, true) %}}{{% endset %}}{{{{ ns }}}}"),
                "namespace",
            ),
            (
                format!("{begin}{{% set m = namespace(x=ns) %}}{{% set ns.n = m %}}{{{{ ns }}}}"),
                "namespace",
            ),
            (format!("{begin}{{% set ns.n, x = ns, 1 %}}{{{{ ns }}}}"), "namespace"),
            (format!("{begin}{wrap}"), "lists in lists"),
            (
                format!("{{% set x = [] %}}{}{{{{ x }}}}", "{% set x = [x] %}".repeat(100_000)),
                "lists in lists",
            ),
        ] {
            let error = render(&source, "{}").unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    /// Each took all of the memory.
    #[test]
    fn lists_that_are_repeated_are_not_written_without_an_end() {
        for source in [
            "{{ (0, 2) * 66 * 66666665 }}",
            "{{ ((0, 2) * 66 * 66666665) | list | length }}",
            "{{ ((0, 2) * 66 * 66666665) | join }}",
            "{{ ((0, 2) * 66 * 66666665) | tojson }}",
        ] {
            let error = render(source, "{}").unwrap_err();
            assert!(error.contains("too"), "{source}: {error}");
        }
        assert_eq!(render("{{ ([1] * 3) | list | join(', ') }}", "{}").unwrap(), "1, 1, 1");
    }

    #[test]
    fn what_templates_assign_stays_what_it_is() {
        for (source, text) in [
            ("{% set x = 1 %}{{ x }}", "1"),
            ("{%- set x = 'a' if false else 'b' -%} {{ x }}", "b"),
            ("{% set a, b = 1, [2] %}{{ a }}{{ b }}", "1[2]"),
            ("{% set x = \"%}\" ~ '=' %}{{ x }}", "%}="),
            ("{% set x %}a{{ 1 }}{% endset %}{{ x }}", "a1"),
            ("{% set x | upper %}a{% endset %}{{ x }}", "A"),
            ("{% set ns = namespace(n=0) %}{% for i in [1, 2] %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}", "3"),
            ("{% set ns = namespace() %}{% set ns.m = [{'a': (1, 2)}] %}{{ ns.m[0].a[1] }}", "2"),
            ("{% raw %}{% set x = 1 %}{% endraw %}", "{% set x = 1 %}"),
            ("{# {% set x = 1 %} #}a", "a"),
            ("{% set x = (1, 2) | length == 2 and true %}{{ x }}", "True"),
            ("{% set x = not false %}{{ x }}", "True"),
        ] {
            assert_eq!(render(source, "{}").unwrap(), text, "{source}");
        }
        assert!(render("{% set x = %}", "{}").is_err());
        assert!(render("{% set x = 1", "{}").is_err());
    }

    #[test]
    fn text_without_an_end_stops() {
        let source = "{% for a in range(10000) %}{% for b in range(10000) %}0123456789\
                      {% endfor %}{% endfor %}";
        assert!(render(source, "{}").unwrap_err().contains("too much"));
    }

    #[test]
    fn bad_templates_and_variables_are_errors() {
        assert!(render("{% if %}", "{}").is_err());
        assert!(render("{{ a.b.c }}", "{}").is_err());
        assert!(render("x", "[]").is_err());
        assert!(render("x", "{").is_err());
        assert!(Template::new(b"\xff").is_err());
    }
}
