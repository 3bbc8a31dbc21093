//! What stands above an sfnettest table, and what kind of line a line is.
//!
//! Owns the rule by which a file says half or whole round trips. Must never: read a header that
//! contradicts its own command line. Ordinary threads; allocates.

use super::cmdline::Cmdline;
use crate::latency::fault::{self, Fault};

/// Which time a figure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reporting {
    /// Half a round trip: what the tool prints unless asked.
    HalfRtt,
    /// A whole round trip (`--rtt`).
    WholeRtt,
}

impl Reporting {
    /// As the tool writes it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::HalfRtt => "1/2 RTT",
            Self::WholeRtt => "RTT",
        }
    }
}

/// How it is known what the figures are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToldBy {
    /// The line `# reporting:` (since April 2026).
    Header,
    /// The command line in the header, with `--rtt` or without.
    CommandLine,
    /// Nobody: half is assumed, as the tool's default.
    Nobody,
}

/// What stands above the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Every `# key=value` and `# key: value`, in order; a key may come more than once.
    pub meta: Vec<(String, String)>,
    /// The quantile of the column `%ile`, millionths of a per cent: 99.9 % is 99,900,000.
    pub percentile_e6: u64,
    /// The same as the file writes it.
    pub percentile: String,
    /// Half or whole round trips.
    pub reporting: Reporting,
    /// How that is known.
    pub told_by: ToldBy,
    /// `Some` where a round is one message each way; with more (`--n-pings`, `--n-pongs`,
    /// `--more`) a figure is neither a round trip nor half of one.
    pub rounds: Option<()>,
}

impl Header {
    /// The first value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.meta.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Version of the tool, as it prints it.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.get("version")
    }

    /// The command line, as the tool prints it.
    #[must_use]
    pub fn cmdline(&self) -> Option<&str> {
        self.get("cmdline")
    }

    /// Whether both ends ran with Onload in front, as far as the header tells: it was preloaded at
    /// both, and the client's library told its version. Preloaded is not yet accelerated.
    #[must_use]
    pub fn has_onload_at_both_ends(&self) -> bool {
        let names = |key| self.get(key).is_some_and(|value| value.contains("onload"));
        names("LD_PRELOAD") && names("server LD_PRELOAD") && self.get("onload_version").is_some()
    }

    /// Message sizes the command line asks for; `None` where the file does not tell.
    #[must_use]
    pub fn sizes(&self) -> Option<Vec<u64>> {
        Cmdline(self.cmdline()?).sizes()
    }
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `# ...`: a word about the run.
    Meta,
    /// A line of column names.
    Columns,
    /// A line of figures.
    Row,
    /// A message of a program round it, or nothing.
    Other,
}

/// The kind of a line.
///
/// # Errors
/// A line no program round the tool writes.
pub(super) fn kind(line: usize, found: &str) -> Result<Kind, Fault> {
    let is_figures = |c: char| c == '\t' || c == '-' || c.is_ascii_digit();
    match found.as_bytes() {
        [] | [b'$', b' ', ..] | b"#" => Ok(Kind::Other),
        [b'#', b' ', ..] => Ok(Kind::Meta),
        [b'#', b'\t' | b'm' | b't', ..] => Ok(Kind::Columns),
        _ if found.contains('\t') && found.chars().all(is_figures) => Ok(Kind::Row),
        _ if is_message(found) => Ok(Kind::Other),
        _ => {
            let allowed = "a line of `# `, a row, or `program: message`";
            Err(Fault::new(line, "a line of no known form", found, allowed))
        }
    }
}

/// `program: message`, with no tab: what a shell, a library or the tool itself says.
fn is_message(found: &str) -> bool {
    let name = found.split_once(": ").map_or("", |(name, _)| name);
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._/[]-: ".contains(c);
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(is_name)
        && !found.contains('\t')
}

/// Takes the lines of a header.
#[derive(Debug, Default)]
pub(super) struct Reader {
    meta: Vec<(String, String)>,
    percentile: Option<(usize, String)>,
    reporting: Option<Reporting>,
}

/// Keys that a run has once.
const ONCE: [&str; 4] = ["percentile", "reporting", "cmdline", "version"];

impl Reader {
    /// Takes a line `# ...`.
    ///
    /// # Errors
    /// A key that may come once and came again; a reporting that is neither half nor whole.
    pub(super) fn take(&mut self, line: usize, found: &str) -> Result<(), Fault> {
        let body = found.get(2..).unwrap_or_default();
        let colon = body.find(": ").or_else(|| body.find(":\t"));
        let at = match (body.find('='), colon) {
            (Some(equal), Some(colon)) => Some(equal.min(colon)),
            (one, other) => one.or(other),
        };
        let Some(at) = at else { return Ok(()) };
        let (key, value) = body.split_at(at);
        let value = value.get(1..).unwrap_or_default().trim();
        if ONCE.contains(&key) && self.meta.iter().any(|(name, _)| name == key) {
            let what = format!("`{key}` comes twice");
            return Err(Fault::new(line, what, found, "one run a file"));
        }
        match (key, value) {
            ("percentile", _) => self.percentile = Some((line, value.to_owned())),
            ("reporting", "RTT") => self.reporting = Some(Reporting::WholeRtt),
            ("reporting", "1/2 RTT") => self.reporting = Some(Reporting::HalfRtt),
            ("reporting", _) => {
                return Err(Fault::new(line, "reporting", value, "`RTT` or `1/2 RTT`"));
            }
            _ => {}
        }
        self.meta.push((key.to_owned(), value.to_owned()));
        Ok(())
    }

    /// The header, once the file is read; `end` is the line after it.
    ///
    /// # Errors
    /// A missing or impossible percentile, and a header that contradicts its command line.
    pub(super) fn finish(self, end: usize) -> Result<Header, Fault> {
        let Some((line, percentile)) = self.percentile else {
            let allowed = "`# percentile=99` above the columns";
            return Err(Fault::new(end, "the percentile is missing", "end of file", allowed));
        };
        let percentile_e6 = fault::micro(line, "percentile", &percentile)?;
        if percentile_e6 == 0 || percentile_e6 > 100_000_000 {
            return Err(Fault::new(line, "percentile", &percentile, "above 0, at most 100"));
        }
        let mut header = Header {
            meta: self.meta,
            percentile_e6,
            percentile,
            reporting: self.reporting.unwrap_or(Reporting::HalfRtt),
            told_by: if self.reporting.is_some() { ToldBy::Header } else { ToldBy::Nobody },
            rounds: Some(()),
        };
        if let Some(text) = header.cmdline().map(str::to_owned) {
            check(line, &mut header, Cmdline(&text))?;
        }
        Ok(header)
    }
}

/// Holds a header against its command line, and takes from there what the header does not say.
fn check(line: usize, header: &mut Header, cmdline: Cmdline<'_>) -> Result<(), Fault> {
    let asked = cmdline.value("--percentile").unwrap_or("99");
    let asked_e6 = fault::micro(line, "--percentile of the command line", asked)?;
    // The tool prints six digits of a float.
    if asked_e6.abs_diff(header.percentile_e6) > 100 {
        let what = "percentile and command line differ";
        return Err(Fault::new(line, what, &header.percentile, asked.to_owned()));
    }
    let asked = if cmdline.has("--rtt") { Reporting::WholeRtt } else { Reporting::HalfRtt };
    let is_pingpong = cmdline.0.split_whitespace().next().is_some_and(|w| w.contains("pingpong"));
    if header.told_by == ToldBy::Header && is_pingpong && header.reporting != asked {
        let (says, asks) = (header.reporting.text(), asked.text());
        return Err(Fault::new(line, "reporting and command line differ", says, asks));
    }
    if header.told_by == ToldBy::Nobody {
        header.reporting = asked;
        header.told_by = ToldBy::CommandLine;
    }
    let is_one = |name| cmdline.value(name).is_none_or(|n| n.split(';').all(|n| n == "1"));
    let is_plain = is_one("--n-pings") && is_one("--n-pongs") && !cmdline.has("--more");
    header.rounds = is_plain.then_some(());
    Ok(())
}
