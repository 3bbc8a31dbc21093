//! Lines for the operator: `CODE: what: key=value ...; next: what to do`.
//!
//! Owns the form of every message a Corelane process prints on standard error, and the failure
//! type that carries one up to the process edge with its exit code. Must never: run on a hot
//! thread. Allocates.

use std::fmt;
use wire::exit::Exit;

/// Something that ends the process, as the operator will read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The exit code, and the `CODE` of the lines.
    pub exit: Exit,
    /// One line each; never empty.
    pub lines: Vec<Line>,
}

/// One operator line without its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What failed or happened.
    pub what: String,
    /// `key=value` pairs, already joined by spaces; may be empty.
    pub fields: String,
    /// What to do next; may be empty.
    pub next: String,
}

impl Line {
    /// A line from its three parts.
    pub fn new(
        what: impl Into<String>,
        fields: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self { what: what.into(), fields: fields.into(), next: next.into() }
    }

    /// The line with its code in front.
    #[must_use]
    pub fn with_code(&self, code: &str) -> String {
        let Self { what, fields, next } = self;
        let mut text = format!("{code}: {what}");
        if !fields.is_empty() {
            text.push_str(": ");
            text.push_str(fields);
        }
        if !next.is_empty() {
            text.push_str("; next: ");
            text.push_str(next);
        }
        text
    }
}

impl Failure {
    /// A failure with one line.
    pub fn new(
        exit: Exit,
        what: impl Into<String>,
        fields: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self { exit, lines: vec![Line::new(what, fields, next)] }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, line) in self.lines.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&line.with_code(self.exit.name()))?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// Where operator lines go.
pub trait Operator: Send {
    /// Takes one whole line without its end.
    fn say(&mut self, line: &str);
}

/// Standard error.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stderr;

impl Operator for Stderr {
    fn say(&mut self, line: &str) {
        use std::io::Write as _;
        // A closed standard error leaves nobody to tell.
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }
}

impl Operator for Vec<String> {
    fn say(&mut self, line: &str) {
        self.push(line.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_code_thing_place_and_next_step() {
        let failure =
            Failure::new(Exit::Resource, "recording not found", "path=x.clrec", "import one");
        assert_eq!(
            failure.to_string(),
            "RESOURCE: recording not found: path=x.clrec; next: import one"
        );
        assert_eq!(Line::new("ready", "", "").with_code("NOTE"), "NOTE: ready");
    }
}
