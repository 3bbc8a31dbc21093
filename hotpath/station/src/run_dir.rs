//! The folder of a run: where its name comes from and what may not be overwritten.
//!
//! Must never: write into a folder that holds another run. Runs on the main thread at start.

use crate::config::{Config, kept};
use crate::operator::Failure;
use std::fs;
use std::path::{Path, PathBuf};
use wire::exit::Exit;

/// Name of the journal's folder in a run's folder.
pub const JOURNAL: &str = "journal";

/// Files of a run that may not be there before it.
const FILES: [&str; 5] = [JOURNAL, "summary.json", kept::CONFIG, kept::LIMITS, kept::OVERRIDES];

/// Makes the folder of a run: the one asked for, or a fresh one under `[record] dir`.
///
/// # Errors
/// `JOURNAL` where it cannot be made, `ARGUMENTS` where it holds another run.
pub fn make(config: &Config, asked: Option<&Path>, wall_ns: u64) -> Result<PathBuf, Failure> {
    if let Some(dir) = asked {
        // What lies there already is another run's, or a file the operator would lose.
        if let Some(name) = FILES.iter().find(|name| dir.join(name).exists()) {
            let fields = format!("path={} has={name}", dir.display());
            let next = "name an empty folder with --run-dir=, or leave it out";
            return Err(Failure::new(Exit::Arguments, "run folder holds a run", fields, next));
        }
        fs::create_dir_all(dir).map_err(|error| refused(dir, &error))?;
        return Ok(dir.to_owned());
    }
    let base = &config.record_dir;
    fs::create_dir_all(base).map_err(|error| refused(base, &error))?;
    let id = format!("{}-{}", config.session.name, utc(wall_ns));
    for n in 1..1_000 {
        let id = if n == 1 { id.clone() } else { format!("{id}-{n}") };
        let dir = base.join(id);
        match fs::create_dir(&dir) {
            Ok(()) => return Ok(dir),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(refused(&dir, &error)),
        }
    }
    let fields = format!("path={}", base.display());
    Err(Failure::new(Exit::Journal, "no free run folder", fields, "name one with --run-dir="))
}

/// A file of the run that could not be written.
pub(crate) fn refused(path: &Path, error: &std::io::Error) -> Failure {
    let fields = format!("path={} error=\"{error}\"", path.display());
    let next = "make room, or name another folder with --run-dir=";
    Failure::new(Exit::Journal, "run folder cannot be written", fields, next)
}

/// `20240809T000000Z`: UTC, to the second. Civil-from-days after H. Hinnant's `chrono` paper.
fn utc(wall_ns: u64) -> String {
    let seconds = wall_ns / 1_000_000_000;
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_shifted + 2) / 5 + 1;
    let month = if month_shifted < 10 { month_shifted + 3 } else { month_shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_become_utc() {
        assert_eq!(utc(0), "19700101T000000Z");
        assert_eq!(utc(1_723_161_600_000_000_000), "20240809T000000Z");
        assert_eq!(utc(1_709_251_199_999_999_999), "20240229T235959Z");
        assert_eq!(utc(1_735_689_600_000_000_000), "20250101T000000Z");
    }
}
