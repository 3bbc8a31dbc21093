//! Binance frames, one a line behind their receive time, through the feed handler.

use super::input::Source;
use super::options::Spec;
use super::output::Target;
use super::{ImportError, each_line};
use venues::binance::{Counters, Feed};
use wire::TsNs;

/// Runs the feed over all lines; frames before the cut only build the book.
pub(super) fn run(
    spec: &Spec,
    sources: &[Source],
    target: &mut Target<'_>,
) -> Result<Counters, ImportError> {
    let mut feed = Feed::new(&[spec.instrument]).map_err(|error| ImportError::Option {
        key: "symbol",
        found: error.to_string(),
        allowed: "an instrument the feed can read",
    })?;
    let mut last_ns = 0;
    each_line(sources, |source, number, line| {
        let refused = |what: String, next: &str| ImportError::Line {
            path: source.path.clone(),
            line: number,
            what,
            next: next.to_owned(),
        };
        if line.is_empty() {
            return Ok(true);
        }
        target.lines += 1;
        let (recv_ns, text) = split(line).ok_or_else(|| {
            let what = "it does not begin with a receive time in ns and a space".to_owned();
            refused(what, "give a file of `<ns> <json>` lines")
        })?;
        if recv_ns < last_ns {
            let what = format!("its receive time {recv_ns} is before the last one, {last_ns}");
            return Err(refused(what, "give the files in their order of time"));
        }
        last_ns = recv_ns;
        if recv_ns >= spec.to_ns {
            return Ok(false);
        }
        if recv_ns >= spec.from_ns {
            target.start(TsNs(recv_ns))?;
        }
        feed.message(text, TsNs(recv_ns), target).map_err(|error| {
            let text = error.to_string();
            let (what, next) = text.split_once("; next: ").unwrap_or((&text, "check the file"));
            refused(what.to_owned(), next)
        })?;
        target.check()?;
        Ok(true)
    })?;
    Ok(feed.counters())
}

fn split(line: &[u8]) -> Option<(u64, &[u8])> {
    let space = line.iter().take(21).position(|byte| *byte == b' ')?;
    let (digits, text) = line.split_at_checked(space)?;
    let ns = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some((ns, text.get(1..)?))
}
