//! Names and sentences of Rust, turned into those of other languages.

/// A documentation comment as one line: link brackets go, backticks stay.
pub(super) fn sentence(doc: &str) -> String {
    let line = doc.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut out = String::new();
    let mut rest = line.as_str();
    while let Some((before, after)) = rest.split_once("[`") {
        let Some((target, tail)) = after.split_once("`]") else {
            break;
        };
        out.push_str(before);
        out.push('`');
        out.push_str(target.rsplit("::").next().unwrap_or(target));
        out.push('`');
        rest = tail;
    }
    out + rest
}

/// A documentation comment as one line without backticks.
pub(super) fn plain(doc: &str) -> String {
    sentence(doc).replace('`', "")
}

/// `ExecutionReport` as `execution_report`.
pub(super) fn snake(name: &str) -> String {
    let mut out = String::new();
    for (index, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && index > 0 {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// `ExecutionReport` as `EXECUTION_REPORT`.
pub(super) fn screaming(name: &str) -> String {
    snake(name).to_ascii_uppercase()
}

/// Text broken into lines of at most `width` columns, each with `prefix` before it.
pub(super) fn wrapped(text: &str, prefix: &str, width: usize) -> String {
    let mut out = String::new();
    let mut line = prefix.to_owned();
    let mut is_empty = true;
    for word in text.split_whitespace() {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > width {
            out.push_str(line.trim_end());
            out.push('\n');
            prefix.clone_into(&mut line);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    out.push_str(line.trim_end());
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_sentences() {
        assert_eq!(snake("ExecutionReport"), "execution_report");
        assert_eq!(screaming("Advice"), "ADVICE");
        assert_eq!(sentence(" See [`crate::frame::decode`] and\n `x`.\n"), "See `decode` and `x`.");
        assert_eq!(plain(" Broken [`link.\n"), "Broken [link.");
        assert_eq!(wrapped("aa bb cc", "# ", 7), "# aa bb\n# cc\n");
    }
}
