//! The text of cyclictest, with `-h` and without, and of oslat.

use super::Thread;
use crate::latency::fault::{self, Fault};
use crate::latency::series::{Samples, Series};

const US: &str = "us, rounded down";

/// `cyclictest -h`: a row a microsecond, a column a thread, and the foot.
///
/// # Errors
/// The first line that is not as the tool writes it, and a foot that does not fit the rows.
pub fn histogram(text: &str) -> Result<Vec<Series>, Fault> {
    let mut threads: Vec<Thread> = Vec::new();
    let mut foot: [Option<(usize, Vec<u64>)>; 5] = [const { None }; 5];
    let mut end = 1;
    for (line, found) in fault::lines(text)? {
        end = line + 1;
        if let Some(at) = FOOT.iter().position(|name| found.starts_with(name)) {
            let name = FOOT.get(at).copied().unwrap_or_default();
            let rest = found.get(name.len()..).unwrap_or_default();
            let numbers: Result<Vec<u64>, Fault> = rest
                .split_whitespace()
                .map(|word| fault::number(line, "a figure of the foot", word))
                .collect();
            if let Some(slot) = foot.get_mut(at) {
                if slot.is_some() {
                    return Err(Fault::new(
                        line,
                        "a line of the foot comes twice",
                        found,
                        "one run",
                    ));
                }
                *slot = Some((line, numbers?));
            }
        } else if found.starts_with(|c: char| c.is_ascii_digit()) {
            if foot.iter().any(Option::is_some) {
                return Err(Fault::new(line, "a row below the foot", found, "the foot last"));
            }
            row(line, found, &mut threads)?;
        } else if !(found.is_empty() || found.starts_with("# ") || found.starts_with("$ ")) {
            return Err(Fault::new(line, "a line of no known form", found, "rows and `# ` lines"));
        }
    }
    let missing = |name: &str| {
        let what = "the foot is not whole: the file is cut";
        Fault::new(end, what, "end of file", name.to_owned())
    };
    let mut take = |at: usize| -> Result<(usize, Vec<u64>), Fault> {
        let name = FOOT.get(at).copied().unwrap_or_default();
        foot.get_mut(at).and_then(Option::take).ok_or_else(|| missing(name))
    };
    let (total, min, _avg, max, over) = (take(0)?, take(1)?, take(2)?, take(3)?, take(4)?);
    let mut out = Vec::new();
    let columns = threads.len();
    for (_, list) in [&total, &min, &max, &over] {
        if list.len() != columns || columns == 0 {
            let (is, wanted) = (list.len().to_string(), format!("{columns} threads"));
            return Err(Fault::new(total.0, "foot and rows differ in columns", &is, wanted));
        }
    }
    for (index, mut thread) in threads.into_iter().enumerate() {
        let of = |list: &(usize, Vec<u64>)| list.1.get(index).copied().unwrap_or(0);
        let sum: u64 = thread.buckets.iter().fold(0, |sum, (_, n)| sum.saturating_add(*n));
        if sum != of(&total) {
            let (found, allowed) = (sum.to_string(), of(&total).to_string());
            let what = "rows and `# Total` differ: rows are missing";
            return Err(Fault::new(total.0, what, &found, allowed));
        }
        (thread.unseen, thread.min, thread.max) = (of(&over), of(&min), of(&max));
        out.push(thread.series(total.0, US)?);
    }
    Ok(out)
}

const FOOT: [&str; 5] = [
    "# Total:",
    "# Min Latencies:",
    "# Avg Latencies:",
    "# Max Latencies:",
    "# Histogram Overflows:",
];

fn row(line: usize, found: &str, threads: &mut Vec<Thread>) -> Result<(), Fault> {
    let mut words = found.split_whitespace();
    let value = fault::number(line, "microseconds", words.next().unwrap_or_default())?;
    let counts: Result<Vec<u64>, Fault> =
        words.map(|word| fault::number(line, "count", word)).collect();
    let counts = counts?;
    if threads.is_empty() {
        threads.extend((0..counts.len()).map(|index| Thread {
            name: format!("thread {index}"),
            unit_ns: 1_000,
            ..Thread::default()
        }));
    }
    if counts.is_empty() || counts.len() != threads.len() {
        let allowed = format!("a number and {} counts", threads.len().max(1));
        return Err(Fault::new(line, "a row of another form", found, allowed));
    }
    for (thread, count) in threads.iter_mut().zip(counts) {
        if thread.buckets.last().is_some_and(|(last, _)| *last >= value) {
            return Err(Fault::new(line, "a row that does not rise", found, "rising microseconds"));
        }
        thread.buckets.push((value, count));
    }
    Ok(())
}

/// cyclictest without `-h`: `T: 0 (28228) P:90 I:1000 C: 14991 Min: 7 Act: 14 Avg: 13 Max: 7056`.
/// Only the last such line of each thread counts: without `-q` the tool prints them over and over.
///
/// # Errors
/// The first line that is not as the tool writes it.
pub fn plain(text: &str) -> Result<Vec<Series>, Fault> {
    let mut threads: Vec<(u64, [u64; 4])> = Vec::new();
    let (mut end, mut wanted, mut unit) = (1, None, ("us", 1_000));
    for (line, found) in fault::lines(text)? {
        end = line + 1;
        if let Some(command) = found.strip_prefix("$ ") {
            let mut words = command.split_whitespace();
            while let Some(word) = words.next() {
                match word {
                    "-t" => wanted = words.next().and_then(|n| n.parse().ok()),
                    "-N" | "--nsecs" => unit = ("ns", 1),
                    _ => {}
                }
            }
        } else if found.starts_with("T:") {
            let (index, figures) = thread(line, found)?;
            let next = u64::try_from(threads.len()).unwrap_or(u64::MAX);
            match threads.iter_mut().find(|(known, _)| *known == index) {
                Some((_, known)) => *known = figures,
                None if index == next => threads.push((index, figures)),
                None => {
                    return Err(Fault::new(
                        line,
                        "a thread is missing before",
                        found,
                        "T: 0, 1, ..",
                    ));
                }
            }
        } else if !(found.is_empty() || found.starts_with("# ") || found.starts_with("policy: ")) {
            return Err(Fault::new(line, "a line of no known form", found, "`T:` and `# ` lines"));
        }
    }
    if threads.is_empty() || wanted.is_some_and(|n: usize| n != threads.len()) {
        let (found, n) = (threads.len().to_string(), wanted.unwrap_or(1));
        let what = "threads are missing: the file is cut";
        return Err(Fault::new(end, what, &found, format!("{n} lines `T:`")));
    }
    let series = threads.into_iter().map(|(index, [n, min, avg, max])| {
        let ns = |value: u64| i64::try_from(value.saturating_mul(unit.1)).unwrap_or(i64::MAX);
        let figures = [("min", min), ("mean", avg), ("max", max)];
        Series {
            name: format!("thread {index}"),
            about: format!("{}, rounded down", unit.0),
            samples: Samples::Told {
                n: Some(n),
                figures: figures.map(|(name, value)| (name.to_owned(), ns(value))).to_vec(),
            },
        }
    });
    Ok(series.collect())
}

/// Index; cycles, min, avg, max.
fn thread(line: usize, found: &str) -> Result<(u64, [u64; 4]), Fault> {
    let wrong = || {
        let allowed = "T: 0 (1) P:90 I:1000 C: 10 Min: 7 Act: 14 Avg: 13 Max: 7056";
        Fault::new(line, "a thread's line of another form", found, allowed)
    };
    let mut rest = found;
    let mut numbers = Vec::new();
    for key in ["T:", "(", "P:", "I:", "C:", "Min:", "Act:", "Avg:", "Max:"] {
        let (before, after) = rest.split_once(key).ok_or_else(wrong)?;
        if !matches!(before.trim(), "" | ")") {
            return Err(wrong());
        }
        let after = after.trim_start();
        let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        let (number, after) = after.split_at(end);
        numbers.push(fault::number(line, "a figure of a thread", number)?);
        rest = after;
    }
    let &[index, _, _, _, cycles, min, _, avg, max] = numbers.as_slice() else {
        return Err(wrong());
    };
    if !rest.trim().is_empty() || min > avg || avg > max {
        return Err(wrong());
    }
    Ok((index, [cycles, min, avg, max]))
}

/// oslat: a row a microsecond, a column a core; the last row holds what is above it too.
///
/// # Errors
/// The first line that is not as the tool writes it, and a foot that does not fit the rows.
pub fn oslat(text: &str) -> Result<Vec<Series>, Fault> {
    let mut cores: Vec<Thread> = Vec::new();
    let mut figures: Vec<(&str, Vec<String>)> = Vec::new();
    let (mut is_over, mut at, mut end) = (false, 1, 1);
    for (line, found) in fault::lines(text)? {
        end = line + 1;
        let Some((name, rest)) = found.trim_start().split_once(":\t") else { continue };
        let (body, tail) = rest.split_once(" (").unwrap_or((rest, ""));
        let words: Vec<&str> = body.split_whitespace().collect();
        if name == "Core" {
            for word in words {
                let core = fault::number(line, "core", word)?;
                let name = format!("core {core}");
                cores.push(Thread { name, unit_ns: 1_000, ..Thread::default() });
            }
        } else if let Some(value) = name.strip_suffix(" (us)") {
            if is_over {
                return Err(Fault::new(line, "a row after the last", found, "the foot"));
            }
            at = line;
            bucket(line, found, value, &words, &mut cores)?;
            is_over = tail == "including overflows)";
        } else if let Some(known) = OSLAT.iter().find(|known| **known == name) {
            if words.len() != cores.len() || !matches!(tail, "us)" | "sec)") {
                return Err(Fault::new(line, "a foot of another form", found, "a figure a core"));
            }
            figures.push((known, words.into_iter().map(str::to_owned).collect()));
        } else if !cores.is_empty() && name != "Counter Freq" {
            return Err(Fault::new(line, "a line of no known form", found, "rows and foot"));
        }
    }
    let names: Vec<&str> = figures.iter().map(|(name, _)| *name).collect();
    if cores.is_empty() || !is_over || names != OSLAT {
        let what = "rows or foot are not whole: the file is cut";
        return Err(Fault::new(end, what, "end of file", OSLAT.join(", ")));
    }
    let mut out = Vec::new();
    for (index, mut core) in cores.into_iter().enumerate() {
        let of = |at: usize| -> Result<u64, Fault> {
            let word = figures.get(at).and_then(|(_, list)| list.get(index));
            fault::number(end, "min or max", word.map_or("", String::as_str))
        };
        (core.min, core.max) = (of(0)?, of(2)?);
        if core.max.checked_sub(core.min) != Some(of(3)?) {
            let (found, allowed) = (of(3)?.to_string(), "Maximum less Minimum");
            return Err(Fault::new(end, "Max-Min", &found, allowed));
        }
        // What is above the last row was clamped into it: how far above, nobody knows.
        if core.buckets.last().is_some_and(|(last, _)| *last < core.max) {
            core.unseen = core.buckets.pop().map_or(0, |(_, count)| count);
        }
        out.push(core.series(at, US)?);
    }
    Ok(out)
}

const OSLAT: [&str; 5] = ["Minimum", "Average", "Maximum", "Max-Min", "Duration"];

fn bucket(
    line: usize,
    found: &str,
    value: &str,
    words: &[&str],
    cores: &mut [Thread],
) -> Result<(), Fault> {
    let value = fault::number(line, "microseconds", value)?;
    if words.len() != cores.len() {
        let allowed = format!("{} counts", cores.len());
        return Err(Fault::new(line, "a row of another form", found, allowed));
    }
    for (core, word) in cores.iter_mut().zip(words) {
        let before = core.buckets.last().map_or(0, |(last, _)| *last);
        if value != before + 1 {
            return Err(Fault::new(line, "a row is missing before", found, "1, 2, 3, ..."));
        }
        core.buckets.push((value, fault::number(line, "count", word)?));
    }
    Ok(())
}
