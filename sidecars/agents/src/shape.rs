//! What JSON of one type may look like, made from the schema of its Rust type.
//!
//! One Rust type gives the schema a server is told, and from that schema come the section of the
//! prompt and the check here, so that the three cannot differ. Servers ignore bounds of schemas
//! without saying so; the check does not. Must never: let a keyword of a schema pass that it does
//! not enforce, or take a number, a text or a list without an upper bound. Pure; allocates.

use crate::cause::Cause;
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// A checked schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// These fields and no other.
    Object(Vec<Field>),
    /// A whole number, both ends included.
    Whole(i64, i64),
    /// One of these words.
    Words(Vec<String>),
    /// Text of at least one and at most so many characters.
    Text(u64),
    /// So many elements, both ends included.
    List(u64, u64, Box<Shape>),
    /// `true` or `false`.
    Flag,
}

/// One field of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What it means, from the Rust field's own comment.
    pub about: String,
    /// Whether it must be there.
    pub is_required: bool,
    /// What may stand there.
    pub shape: Shape,
}

/// A value that is not as it may be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: at={path} found={found} allowed=({allowed})", .cause.name())]
pub struct Fault {
    /// Under which it is counted.
    pub cause: Cause,
    /// Where, `changes[0].keep_bp`; `(answer)` for the whole.
    pub path: String,
    /// What stands there.
    pub found: String,
    /// What may.
    pub allowed: String,
}

/// A schema this check would not hold whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("schema at {path} cannot be enforced: {why}")]
pub struct Unsupported {
    /// Where.
    pub path: String,
    /// What about it.
    pub why: String,
}

/// Keywords that say nothing about what is valid.
const REMARKS: [&str; 5] = ["$schema", "title", "description", "default", "format"];

impl Shape {
    /// The shape a schema demands.
    ///
    /// # Errors
    /// [`Unsupported`] for a keyword that is not known here, and for what has no upper bound.
    pub fn compile(schema: &Value, path: &str) -> Result<Self, Unsupported> {
        let fail = |why: String| Unsupported { path: path.to_owned(), why };
        let map = schema.as_object().ok_or_else(|| fail("not an object".into()))?;
        if let Some(words) = words(map) {
            known(map, &["enum", "oneOf", "type"], path)?;
            return Ok(Self::Words(words));
        }
        match map.get("type").and_then(Value::as_str) {
            Some("object") => {
                known(map, &["type", "properties", "required", "additionalProperties"], path)?;
                if map.get("additionalProperties") != Some(&Value::Bool(false)) {
                    return Err(fail("takes unknown fields".into()));
                }
                fields(map, path).map(Self::Object)
            }
            Some("integer") => {
                known(map, &["type", "minimum", "maximum"], path)?;
                let bound = |name| map.get(name).and_then(Value::as_i64);
                match (bound("minimum"), bound("maximum")) {
                    (Some(low), Some(high)) => Ok(Self::Whole(low, high)),
                    _ => Err(fail("a number without both bounds".into())),
                }
            }
            Some("string") => {
                known(map, &["type", "minLength", "maxLength"], path)?;
                let most = map.get("maxLength").and_then(Value::as_u64);
                most.map(Self::Text).ok_or_else(|| fail("a text without a longest length".into()))
            }
            Some("array") => {
                known(map, &["type", "items", "minItems", "maxItems"], path)?;
                let size = |name| map.get(name).and_then(Value::as_u64);
                let most = size("maxItems").ok_or_else(|| fail("a list without an end".into()))?;
                let item = map.get("items").ok_or_else(|| fail("a list of anything".into()))?;
                let item = Self::compile(item, &format!("{path}[]"))?;
                Ok(Self::List(size("minItems").unwrap_or(0), most, Box::new(item)))
            }
            Some("boolean") => {
                known(map, &["type"], path)?;
                Ok(Self::Flag)
            }
            other => Err(fail(format!("type {other:?}"))),
        }
    }

    /// Whether a value is as it may be.
    ///
    /// # Errors
    /// The first [`Fault`] in the order of the shape's fields; unknown fields come first.
    pub fn check(&self, value: &Value) -> Result<(), Fault> {
        self.check_at(value, "")
    }

    fn check_at(&self, value: &Value, path: &str) -> Result<(), Fault> {
        let fault = |cause| {
            let path = if path.is_empty() { "(answer)" } else { path }.to_owned();
            Err(Fault { cause, path, found: shown(value), allowed: self.allowed() })
        };
        match (self, value) {
            (Self::Object(fields), Value::Object(map)) => check_fields(self, fields, map, path),
            (Self::Whole(low, high), Value::Number(number)) => match number.as_i64() {
                Some(number) if (*low..=*high).contains(&number) => Ok(()),
                None if number.is_f64() => fault(Cause::WrongShape),
                _ => fault(Cause::OutOfRange),
            },
            (Self::Words(words), Value::String(text)) => {
                if words.contains(text) {
                    Ok(())
                } else {
                    fault(Cause::OutOfRange)
                }
            }
            (Self::Text(most), Value::String(text)) => {
                let length = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
                if (1..=*most).contains(&length) { Ok(()) } else { fault(Cause::OutOfRange) }
            }
            (Self::List(least, most, item), Value::Array(list)) => {
                let length = u64::try_from(list.len()).unwrap_or(u64::MAX);
                if !(*least..=*most).contains(&length) {
                    return fault(Cause::OutOfRange);
                }
                let mut elements = list.iter().enumerate();
                elements.try_for_each(|(i, value)| item.check_at(value, &format!("{path}[{i}]")))
            }
            (Self::Flag, Value::Bool(_)) => Ok(()),
            _ => fault(Cause::WrongShape),
        }
    }

    /// What may stand there, in words; the words of the prompt and of a fault.
    #[must_use]
    pub fn allowed(&self) -> String {
        match self {
            Self::Object(fields) => {
                let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
                format!("an object with the keys {}", names.join(", "))
            }
            Self::Whole(low, high) => format!("a whole number from {low} to {high}"),
            Self::Words(words) => {
                let words: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
                words.join(" or ")
            }
            Self::Text(most) => format!("text of 1 to {most} characters"),
            Self::List(least, most, item) => {
                format!("a list of {least} to {most}, each {}", item.allowed())
            }
            Self::Flag => "true or false".to_owned(),
        }
    }

    /// The section of a prompt that says what to answer.
    #[must_use]
    pub fn prompt(&self) -> String {
        let mut text = String::from(
            "Answer with one JSON object and nothing else: no text before or after it, every key \
             below, no other key.\n",
        );
        self.prompt_fields(&mut text, 0);
        text
    }

    fn prompt_fields(&self, text: &mut String, depth: usize) {
        let fields = match self {
            Self::Object(fields) => fields,
            Self::List(_, _, item) => return item.prompt_fields(text, depth),
            Self::Whole(..) | Self::Words(_) | Self::Text(_) | Self::Flag => return,
        };
        for Field { name, about, shape, .. } in fields {
            let indent = "  ".repeat(depth);
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{indent}- {name}: {}. {about}", shape.allowed());
            shape.prompt_fields(text, depth + 1);
        }
    }
}

fn check_fields(
    shape: &Shape,
    fields: &[Field],
    map: &Map<String, Value>,
    path: &str,
) -> Result<(), Fault> {
    let at = |name: &str| {
        if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
    };
    if let Some((name, value)) =
        map.iter().find(|(name, _)| !fields.iter().any(|f| f.name == **name))
    {
        let name: String = name.chars().take(40).collect();
        return Err(Fault {
            cause: Cause::UnknownField,
            path: at(&name.escape_debug().to_string()),
            found: shown(value),
            allowed: shape.allowed(),
        });
    }
    for field in fields {
        match map.get(&field.name) {
            Some(value) => field.shape.check_at(value, &at(&field.name))?,
            None if field.is_required => {
                return Err(Fault {
                    cause: Cause::WrongShape,
                    path: at(&field.name),
                    found: "nothing".into(),
                    allowed: field.shape.allowed(),
                });
            }
            None => {}
        }
    }
    Ok(())
}

fn known(map: &Map<String, Value>, keywords: &[&str], path: &str) -> Result<(), Unsupported> {
    let is_known = |name: &str| keywords.contains(&name) || REMARKS.contains(&name);
    match map.keys().find(|name| !is_known(name)) {
        Some(name) => Err(Unsupported { path: path.to_owned(), why: format!("keyword {name}") }),
        None => Ok(()),
    }
}

/// The words of an enum, whichever of the two ways its schema has: with or without remarks on each.
fn words(map: &Map<String, Value>) -> Option<Vec<String>> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if let Some(list) = map.get("enum").and_then(Value::as_array) {
        return list.iter().map(text).collect();
    }
    let list = map.get("oneOf").and_then(Value::as_array)?;
    let mut words = Vec::new();
    for one in list {
        match (one.get("const"), one.get("enum")) {
            (Some(word), None) => words.push(text(word)?),
            (None, Some(Value::Array(some))) => {
                words.extend(some.iter().map(text).collect::<Option<Vec<_>>>()?);
            }
            _ => return None,
        }
    }
    Some(words)
}

fn fields(map: &Map<String, Value>, path: &str) -> Result<Vec<Field>, Unsupported> {
    let required = map.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let properties = map.get("properties").and_then(Value::as_object).into_iter().flatten();
    properties
        .map(|(name, schema)| {
            let about = schema.get("description").and_then(Value::as_str).unwrap_or("");
            Ok(Field {
                name: name.clone(),
                about: about.replace('\n', " "),
                is_required: required.iter().any(|r| r.as_str() == Some(name)),
                shape: Shape::compile(schema, &format!("{path}.{name}"))?,
            })
        })
        .collect()
}

/// A value on one line, cut to what an operator reads.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_cannot_be_enforced_is_refused() {
        for (schema, part) in [
            (json!({"type": "integer", "minimum": 0}), "both bounds"),
            (json!({"type": "integer", "minimum": 0, "maximum": 9, "multipleOf": 2}), "multipleOf"),
            (json!({"type": "string"}), "longest length"),
            (json!({"type": "string", "maxLength": 5, "pattern": "a"}), "pattern"),
            (json!({"type": "array", "items": {"type": "boolean"}}), "without an end"),
            (json!({"type": "array", "maxItems": 2}), "anything"),
            (json!({"type": "object", "properties": {}}), "unknown fields"),
            (json!({"type": "number"}), "type"),
            (json!({"$ref": "#/x"}), "type"),
            (json!(true), "not an object"),
        ] {
            let error = Shape::compile(&schema, "x").expect_err("not enforceable");
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn each_bound_is_held_at_below_and_above() {
        let whole = Shape::Whole(-2, 3);
        for (value, cause) in [
            (json!(-2), None),
            (json!(3), None),
            (json!(-3), Some(Cause::OutOfRange)),
            (json!(4), Some(Cause::OutOfRange)),
            (json!(u64::MAX), Some(Cause::OutOfRange)),
            (json!(1.0), Some(Cause::WrongShape)),
            (json!("1"), Some(Cause::WrongShape)),
            (json!(null), Some(Cause::WrongShape)),
        ] {
            assert_eq!(whole.check(&value).err().map(|f| f.cause), cause, "{value}");
        }
        let text = Shape::Text(2);
        for (value, good) in [("", false), ("é", true), ("éé", true), ("ééé", false)] {
            assert_eq!(text.check(&json!(value)).is_ok(), good, "{value}");
        }
        let list = Shape::List(1, 2, Box::new(Shape::Flag));
        for (length, good) in [(0, false), (1, true), (2, true), (3, false)] {
            assert_eq!(list.check(&json!(vec![true; length])).is_ok(), good, "{length}");
        }
        let fault = list.check(&json!([true, 1])).expect_err("not a flag");
        assert_eq!((fault.path.as_str(), fault.cause), ("[1]", Cause::WrongShape));
    }
}
