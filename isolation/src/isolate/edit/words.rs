//! Words of one line, and whole lines: ours put in, ours taken out.
//!
//! Pure. Must never: change a blank between words that are not ours.

/// The name of a word, in the one spelling that is compared.
pub(in super::super) fn name(word: &str) -> String {
    word.split('=').next().unwrap_or(word).replace('-', "_")
}

/// A word and the blanks before it.
pub(super) type Word<'l> = (&'l str, &'l str);

/// Words of a line; quotes keep blanks together.
pub(super) fn split(line: &str) -> Vec<Word<'_>> {
    let (mut words, mut gap, mut start, mut is_quoted) = (Vec::new(), 0, None, false);
    for (at, c) in line.char_indices() {
        if matches!(c, ' ' | '\t' | '\r') && !is_quoted {
            if let Some(begin) = start.take() {
                words.push((&line[gap..begin], &line[begin..at]));
                gap = at;
            }
            continue;
        }
        is_quoted ^= c == '"';
        start.get_or_insert(at);
    }
    if let Some(begin) = start {
        words.push((&line[gap..begin], &line[begin..]));
    }
    words
}

fn joined(line: &str, words: &[Word<'_>]) -> String {
    let indent = split(line).first().map_or("", |(gap, _)| gap);
    let mut text = String::new();
    for (at, (gap, word)) in words.iter().enumerate() {
        let gap = match at {
            0 => indent,
            _ if gap.is_empty() => " ",
            _ => gap,
        };
        text.push_str(gap);
        text.push_str(word);
    }
    text
}

/// The line with each of the words once, before what is not the kernel's, and none other of their
/// names.
pub(super) fn line_with(line: &str, words: &[String], names: &[String]) -> String {
    let found = split(line);
    let kernel = found.iter().position(|(_, word)| *word == "--").unwrap_or(found.len());
    let (ours, rest) = found.split_at(kernel);
    let is_named = |word: &str| names.contains(&name(word));
    let all_of = |word: &String| {
        let mut same = ours.iter().filter(|(_, found)| name(found) == name(word)).peekable();
        same.peek().is_some() && same.all(|(_, found)| found == word)
    };
    let wanted = |found: &str| words.iter().any(|word| name(word) == name(found));
    let has_other = ours.iter().any(|(_, found)| is_named(found) && !wanted(found));
    if words.iter().all(all_of) && !has_other {
        return line.to_owned();
    }
    let kept = ours.iter().copied().filter(|(_, word)| !is_named(word));
    let added = words.iter().map(|word| (" ", word.as_str()));
    joined(line, &kept.chain(added).chain(rest.iter().copied()).collect::<Vec<_>>())
}

/// The same of whole lines.
pub(super) fn lines_with(text: &str, words: &[String], names: &[String]) -> String {
    let is_named = |line: &str| names.contains(&name(line.trim()));
    let stand = text.split('\n').filter(|line| is_named(line));
    if stand.eq(words.iter().map(String::as_str)) {
        return text.to_owned();
    }
    let mut kept: Vec<&str> = text.split('\n').filter(|line| !is_named(line)).collect();
    let end = if kept.last() == Some(&"") { kept.pop() } else { None };
    kept.extend(words.iter().map(String::as_str));
    kept.extend(end.or(Some("")));
    kept.join("\n")
}

/// The line without words of ours; where none other of a name is left, with the prior line's.
pub(super) fn line_without(line: &str, ours: &[String], names: &[String], prior: &str) -> String {
    let found = split(line);
    let is_ours = |word: &str| ours.iter().any(|ours| ours == word);
    let first = found.iter().position(|(_, word)| is_ours(word) || *word == "--");
    let mut kept: Vec<Word<'_>> = Vec::new();
    let mut back: Vec<Word<'_>> = split(prior)
        .into_iter()
        .filter(|(_, word)| {
            let is_same = |(_, found): &Word<'_>| name(found) == name(word) && !is_ours(found);
            names.contains(&name(word)) && !found.iter().any(is_same)
        })
        .collect();
    for (at, word) in found.iter().enumerate() {
        if Some(at) == first {
            kept.append(&mut back);
        }
        if !is_ours(word.1) {
            kept.push(*word);
        }
    }
    kept.append(&mut back);
    if kept == found { line.to_owned() } else { joined(line, &kept) }
}

pub(super) fn lines_without(text: &str, ours: &[String], names: &[String], prior: &str) -> String {
    let is_ours = |line: &str| ours.iter().any(|ours| ours == line.trim());
    let mut kept: Vec<&str> = text.split('\n').filter(|line| !is_ours(line)).collect();
    let back = prior.split('\n').filter(|line| {
        let same = name(line.trim());
        names.contains(&same) && !kept.iter().any(|found| name(found.trim()) == same)
    });
    let back: Vec<&str> = back.collect();
    let at = if kept.last() == Some(&"") { kept.len() - 1 } else { kept.len() };
    kept.splice(at..at, back);
    kept.join("\n")
}
