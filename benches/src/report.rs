//! Prints a bench's table and keeps it: `benches/record/<date>-<host>/<bench>.txt`, append only.

use crate::{Host, Size};
use clock::Clock;
use std::fs::{OpenOptions, create_dir_all};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// A table in the making.
#[derive(Debug)]
pub struct Report {
    bench: &'static str,
    folder: String,
    keep: bool,
    text: String,
}

impl Report {
    /// Starts the table of `bench` with the stamp of the host, the clock and the size.
    ///
    /// With `--record` among the arguments, [`finish`](Self::finish) also appends it to the record.
    #[must_use]
    pub fn start(bench: &'static str, clock: &Clock, size: Size) -> Self {
        let host = Host::look(clock.source());
        let date = date(clock.wall_ns() / 1_000_000_000);
        let mut report = Self {
            bench,
            folder: format!("{date}-{}", host.name),
            keep: std::env::args().any(|word| word == "--record"),
            text: String::new(),
        };
        report.line(&format!("== {bench} ({}) {date}", size.pick("smoke size", "real size")));
        for line in host.lines() {
            report.line(&line);
        }
        let rate = clock.cycles_per_second();
        report.line(&format!("clock: {}, {rate} cycles a second", clock.source()));
        report
    }

    /// Prints one line and keeps it.
    pub fn line(&mut self, line: &str) {
        // A closed standard output is no reason to lose the record.
        let _ = writeln!(io::stdout().lock(), "{line}");
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Keeps a file that belongs to the table: with `--record` in the record, under a name of its
    /// own, else in `otherwise`. Says where.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn attach(&mut self, extension: &str, text: &str, otherwise: &Path) -> io::Result<()> {
        let folder = if self.keep { self.record_folder() } else { otherwise.to_path_buf() };
        create_dir_all(&folder)?;
        let mut path = folder.join(format!("{}.{extension}", self.bench));
        let mut n = 1;
        while self.keep && path.exists() {
            path = folder.join(format!("{}-{n}.{extension}", self.bench));
            n += 1;
        }
        std::fs::write(&path, text)?;
        let shown = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let place =
            if self.keep { format!("record/{}", self.folder) } else { "target/tmp".to_owned() };
        self.line(&format!("plot: {place}/{}", shown.unwrap_or_default()));
        Ok(())
    }

    fn record_folder(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("record").join(&self.folder)
    }

    /// Ends the table; appends it to the record if that was asked for.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        if !self.keep {
            return Ok(());
        }
        let folder = self.record_folder();
        create_dir_all(&folder)?;
        let path: PathBuf = folder.join(format!("{}.txt", self.bench));
        let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
        writeln!(file, "{}", self.text)?;
        self.line(&format!("recorded in record/{}/{}.txt", self.folder, self.bench));
        Ok(())
    }
}

/// The day of a UNIX time as `YYYY-MM-DD` (Hinnant's `civil_from_days`, for days since 1970).
fn date(unix_seconds: u64) -> String {
    let days = unix_seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn dates_are_right_around_leap_days() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(951_782_399), "2000-02-28");
        assert_eq!(date(951_782_400), "2000-02-29");
        assert_eq!(date(951_868_800), "2000-03-01");
        assert_eq!(date(4_107_542_400), "2100-03-01");
    }
}
