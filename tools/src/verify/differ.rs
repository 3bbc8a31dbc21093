//! Two frames side by side, field by field. Owns the layout of the table.

use super::repeat::Difference;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// Widest value shown; longer ones (levels of a book) are cut.
const WIDTH: usize = 44;

/// A frame's fields; empty for none.
fn fields(frame: &[u8]) -> Map<String, Value> {
    let value = serde_json::from_str(&wire::bindings::frame_json(frame)).unwrap_or_default();
    if let Value::Object(map) = value { map } else { Map::new() }
}

/// The difference as a table: a star where the two differ.
pub(super) fn side_by_side(difference: &Difference) -> String {
    let (recorded, made) = (fields(&difference.recorded), fields(&difference.made));
    let mut names: Vec<&String> = recorded.keys().collect();
    names.extend(made.keys().filter(|name| !recorded.contains_key(*name)));
    let mut out = format!(
        "first difference: frame {} of the journal\n  {:<22}{:<WIDTH$}  {}\n",
        difference.frame_number, "field", "recorded", "made"
    );
    for name in names {
        let text = |map: &Map<String, Value>| map.get(name).map_or("-".to_owned(), shown);
        let (left, right) = (text(&recorded), text(&made));
        let star = if recorded.get(name) == made.get(name) { ' ' } else { '*' };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{star} {name:<22}{left:<WIDTH$}  {right}");
    }
    out
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.len() <= WIDTH {
        return text;
    }
    let cut: String = text.chars().take(WIDTH - 3).collect();
    format!("{cut}...")
}

/// The difference as JSON.
pub(super) fn to_json(difference: &Difference) -> Value {
    let frame = |frame: &[u8]| {
        if frame.is_empty() { Value::Null } else { Value::Object(fields(frame)) }
    };
    json!({
        "frame": difference.frame_number,
        "recorded": frame(&difference.recorded),
        "made": frame(&difference.made),
    })
}
