//! The difference of two texts, by lines.

use std::fmt::Write as _;

/// Lines of the longer text beyond which all of one is shown against all of the other.
const MOST: usize = 2_000;

/// The lines that go (`-`) and come (`+`), with those between two of them left out.
#[must_use]
pub fn lines(before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let mut text = String::new();
    let mut say = |mark: char, line: &str| {
        let _ = writeln!(text, "  {mark} {line}");
    };
    if old.len().max(new.len()) > MOST {
        for line in old {
            say('-', line);
        }
        for line in new {
            say('+', line);
        }
        return text;
    }
    // common[i][j]: longest common sequence of what follows line i of the old and j of the new.
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            say('-', old[i]);
            i += 1;
        } else {
            say('+', new[j]);
            j += 1;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_shown_in_order() {
        for (before, after, shown) in [
            ("a\nb\nc\n", "a\nb\nc\n", ""),
            ("", "a\nb\n", "  + a\n  + b\n"),
            ("a\nb\nc\n", "a\nx\nc\nd\n", "  - b\n  + x\n  + d\n"),
            ("a\nb\n", "b\n", "  - a\n"),
        ] {
            assert_eq!(lines(before, after), shown);
        }
    }
}
