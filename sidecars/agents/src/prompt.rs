//! Prompts: templates read beside the configuration, rendered with data that stays data.
//!
//! A template gets four texts: `role`, `data` (the role's sections as JSON, in which no line can
//! begin outside a string), `limits` (what it may tighten) and `answer_form` (from the type of its
//! answers). An undefined name is a problem at start, and so is a template that leaves out data or
//! form. Must never: give a template a file, a variable of the environment or a clock. Allocates.

use crate::answer::sha256;
use minijinja::{Environment, UndefinedBehavior, context};
use std::fs;
use std::path::Path;

/// Longest template, bytes.
const LONGEST: u64 = 32_768;

/// What a template is rendered with.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    /// Name of the role.
    pub role: &'a str,
    /// Its sections, JSON.
    pub data: &'a str,
    /// What it may tighten, words with commas; empty where nothing.
    pub limits: &'a str,
    /// What to answer.
    pub answer_form: &'a str,
}

/// One template.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// Name of its file without the end.
    pub name: String,
    /// SHA-256 of its text, hexadecimal.
    pub hash: String,
    text: String,
}

/// All templates of a configuration.
#[derive(Debug)]
pub struct Prompts {
    engine: Environment<'static>,
    list: Vec<Prompt>,
}

impl Default for Prompts {
    fn default() -> Self {
        Self::new()
    }
}

impl Prompts {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        let mut engine = Environment::empty();
        engine.set_undefined_behavior(UndefinedBehavior::Strict);
        Self { engine, list: Vec::new() }
    }

    /// Reads `NAME.md.j2`, or finds it where it was read before; its place in the list.
    ///
    /// # Errors
    /// What is wrong with it, on one line.
    pub fn read(&mut self, folder: &Path, name: &str) -> Result<usize, String> {
        if let Some(place) = self.list.iter().position(|prompt| prompt.name == name) {
            return Ok(place);
        }
        let path = folder.join(format!("{name}.md.j2"));
        let size = fs::metadata(&path).map_err(|error| format!("\"{name}\": {error}"))?.len();
        if size > LONGEST {
            return Err(format!("{size} bytes in {}, more than {LONGEST}", path.display()));
        }
        let text = fs::read_to_string(&path).map_err(|error| format!("\"{name}\": {error}"))?;
        let prompt = Prompt { name: name.to_owned(), hash: sha256(text.as_bytes()), text };
        self.list.push(prompt);
        let place = self.list.len() - 1;
        let tried = self.tried(place);
        if tried.is_err() {
            self.list.pop();
        }
        tried.map(|()| place)
    }

    fn tried(&self, place: usize) -> Result<(), String> {
        let values =
            Values { role: "\u{1}r", data: "\u{1}d", limits: "\u{1}l", answer_form: "\u{1}a" };
        let text = self.render(place, values)?;
        for (mark, name) in [("\u{1}d", "data"), ("\u{1}a", "answer_form")] {
            if !text.contains(mark) {
                return Err(format!("a template without {{{{ {name} }}}}"));
            }
        }
        Ok(())
    }

    /// The prompt.
    ///
    /// # Errors
    /// What the template engine says, on one line.
    pub fn render(&self, place: usize, values: Values<'_>) -> Result<String, String> {
        let Values { role, data, limits, answer_form } = values;
        let text = self.list.get(place).map_or("", |prompt| prompt.text.as_str());
        let template = self.engine.template_from_str(text);
        template.and_then(|t| t.render(context! { role, data, limits, answer_form })).map_err(
            |error| {
                let line = error.line().unwrap_or(0);
                format!("template line {line}: {}", error.to_string().replace('\n', " "))
            },
        )
    }

    /// The template at a place.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<&Prompt> {
        self.list.get(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_tried_when_it_is_read() {
        let dir = tempfile::tempdir().expect("a folder");
        let read = |text: &str| {
            fs::write(dir.path().join("t.md.j2"), text).expect("written");
            Prompts::new().read(dir.path(), "t").map(|_| ())
        };
        assert_eq!(read("{{ role }}: {{ data }} {{ answer_form }}{{ limits }}"), Ok(()));
        for (text, part) in [
            ("{{ data }}", "without {{ answer_form }}"),
            ("{{ answer_form }}", "without {{ data }}"),
            ("{{ data }}\n{{ answer_form }}\n{{ env }}", "line 3"),
            ("{{ data }} {{ answer_form }} {% include 'x' %}", "template line 1"),
            ("{% for x in data %}", "template line 1"),
        ] {
            let why = read(text).expect_err(text);
            assert!(why.contains(part) && !why.contains('\n'), "{text}: {why}");
        }
        let missing = Prompts::new().read(dir.path(), "none").expect_err("no file");
        assert!(missing.starts_with("\"none\": "), "{missing}");
    }
}
