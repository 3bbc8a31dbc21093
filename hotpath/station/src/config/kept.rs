//! What of its configuration a run's folder keeps: enough to build the run's engine again from the
//! folder alone, whatever became of the operator's files.
//!
//! Owns the names of the kept files: `config.toml` and `limits.toml` byte for byte as they were
//! read, `overrides.json` with what the command line and the state folder put in their place, and a
//! file of samples for each venue latency that was one. Must never: write over a file that is there,
//! or look outside the folder when it reads. Main thread at start; commands afterwards.

use super::{Config, Overrides, Setting};
use crate::limits::LimitsFile;
use crate::operator::Failure;
use crate::run_dir;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::path::Path;
use venues::sim::Latency;
use wire::exit::Exit;

/// The configuration as it was read.
pub const CONFIG: &str = "config.toml";
/// The limits as they were read.
pub const LIMITS: &str = "limits.toml";
/// What holds instead of the configuration's own keys.
pub const OVERRIDES: &str = "overrides.json";

/// Version of `overrides.json`.
const VERSION: u32 = 1;

/// `overrides.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    version: u32,
    /// Upper half of every client order id, as the session had it.
    epoch: u32,
    /// File name of the recording that was played.
    recording: String,
    /// Its speed, as the configuration spells it.
    speed: String,
    /// The only strategy, where the others were left out.
    strategy: Option<String>,
    /// Parameters of strategies.
    set: Vec<Put>,
}

/// One parameter of one strategy.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Put {
    strategy: String,
    key: String,
    value: String,
}

/// Name of the kept file of a latency's samples.
pub(super) fn samples(key: &str) -> String {
    format!("{key}.txt")
}

impl Config {
    /// Writes everything [`Config::of_run`] needs into a run's folder.
    ///
    /// # Errors
    /// `JOURNAL` where a file cannot be written, or is there already.
    pub fn keep(&self, dir: &Path) -> Result<(), Failure> {
        let recording = self.data.recording.file_name();
        let put = |setting: &Setting| Put {
            strategy: setting.strategy.clone(),
            key: setting.key.clone(),
            value: setting.value.clone(),
        };
        let kept = Kept {
            version: VERSION,
            epoch: self.session.epoch,
            recording: recording.map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
            speed: super::speed_text(self.data.speed),
            strategy: self.overrides.strategy.clone(),
            set: self.overrides.set.iter().map(put).collect(),
        };
        let text = serde_json::to_string_pretty(&kept).map_err(std::io::Error::from);
        let text = text.map_err(|error| run_dir::refused(&dir.join(OVERRIDES), &error))?;
        write(dir, OVERRIDES, (text + "\n").as_bytes())?;
        write(dir, CONFIG, self.text.as_bytes())?;
        write(dir, LIMITS, &self.limits_file.bytes)?;
        let venue = &self.venue;
        for (key, latency) in [
            ("entry_latency_ns", &venue.entry_latency),
            ("response_latency_ns", &venue.response_latency),
        ] {
            if let Latency::Samples(list) = latency {
                let mut text = String::new();
                for ns in list {
                    // Writing to a string cannot fail.
                    let _ = writeln!(text, "{ns}");
                }
                write(dir, &samples(key), text.as_bytes())?;
            }
        }
        Ok(())
    }

    /// The configuration of a run, from its folder alone. The recording it names need not be there.
    ///
    /// # Errors
    /// `RESOURCE` where a kept file is missing or cannot be read, `CONFIGURATION` where one is not
    /// what this build takes.
    pub fn of_run(dir: &Path) -> Result<Self, Failure> {
        let damaged = |why: &dyn std::fmt::Display| {
            let fields = format!("file={} why=\"{why}\"", dir.join(OVERRIDES).display());
            let next = "use the build that made the run, or run it again";
            Failure::new(Exit::Configuration, "run's overrides are not acceptable", fields, next)
        };
        let kept: Kept =
            serde_json::from_slice(&read(dir, OVERRIDES)?).map_err(|error| damaged(&error))?;
        if kept.version != VERSION {
            return Err(damaged(&format!("version {}, not {VERSION}", kept.version)));
        }
        let speed = kept.speed.parse().map_err(|_| damaged(&"speed is none"))?;
        let put = |put: Put| Setting { strategy: put.strategy, key: put.key, value: put.value };
        let overrides = Overrides {
            recording: Some(kept.recording.into()),
            speed: Some(speed),
            strategy: kept.strategy,
            set: kept.set.into_iter().map(put).collect(),
            limits: Some(dir.join(LIMITS)),
        };
        let file = dir.join(CONFIG);
        let text = String::from_utf8(read(dir, CONFIG)?).map_err(|error| damaged(&error))?;
        // Its hash is in the record: who may write the file does not matter here.
        let limits = |path: &Path| LimitsFile::parse(path, read(dir, LIMITS)?);
        let mut config = Self::parse_in(&file, &text, &overrides, true, &limits)?;
        config.session.epoch = kept.epoch;
        Ok(config)
    }
}

fn write(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), Failure> {
    use std::io::Write as _;
    let path = dir.join(name);
    let write = || std::fs::File::create_new(&path)?.write_all(bytes);
    write().map_err(|error| run_dir::refused(&path, &error))
}

fn read(dir: &Path, name: &str) -> Result<Vec<u8>, Failure> {
    let path = dir.join(name);
    std::fs::read(&path).map_err(|error| {
        let fields = format!("path={} error=\"{error}\"", path.display());
        let next = "name the folder of a run of this build, with all its files";
        Failure::new(Exit::Resource, "run's configuration is not here", fields, next)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const TEXT: &str = "[session]\nname = \"kept\"\n[data]\nrecording = \"far/day.clrec\"\n\
        [venue]\nentry_latency_ns = \"far/samples\"\nresponse_latency_ns = 7\n[signal]\n\
        [limits]\nfile = \"far/other.toml\"\n\
        [[strategy]]\nname = \"taker\"\nkind = \"momentum\"\ninstrument = \"BTCUSDT\"\n\
        qty_lots = 1\nfast_bars = 2\nslow_bars = 3\nthreshold_e6 = 4\norder_ttl_ms = 5\n\
        [[strategy]]\nname = \"second\"\nkind = \"momentum\"\ninstrument = \"BTCUSDT\"\n\
        qty_lots = 1\nfast_bars = 2\nslow_bars = 3\nthreshold_e6 = 4\norder_ttl_ms = 5\n";

    /// A configuration with everything a command line and a state folder can change.
    fn written(dir: &Path) -> Config {
        fs::create_dir(dir.join("far")).expect("folder");
        fs::write(dir.join("far/samples"), "5\n\n 900 \n12\n").expect("samples");
        fs::write(dir.join("far/other.toml"), "epoch = no file").expect("limits");
        fs::write(dir.join("real.toml"), crate::limits::tests::text()).expect("limits");
        let overrides = Overrides {
            recording: Some("elsewhere/night.clrec".into()),
            speed: "0.5".parse().ok(),
            strategy: Some("taker".to_owned()),
            set: vec![Setting {
                strategy: "taker".to_owned(),
                key: "threshold_e6".to_owned(),
                value: "44".to_owned(),
            }],
            limits: Some(dir.join("real.toml")),
        };
        let mut config =
            Config::parse(&dir.join("kept.toml"), TEXT, &overrides).expect("acceptable");
        config.session.epoch = 91;
        config
    }

    #[test]
    fn a_runs_folder_alone_gives_the_configuration_that_ran() {
        let dir = tempfile::tempdir().expect("folder");
        let config = written(dir.path());
        let run = tempfile::tempdir().expect("folder");
        config.keep(run.path()).expect("kept");
        drop(dir);
        assert_eq!(fs::read_to_string(run.path().join(CONFIG)).expect("kept"), TEXT);
        let limits = fs::read_to_string(run.path().join(LIMITS)).expect("kept");
        assert_eq!(limits, crate::limits::tests::text());
        let again = Config::of_run(run.path()).expect("rebuilt");
        assert_eq!(again.effective(), config.effective());
        assert_eq!(again.hash(), config.hash());
        assert_eq!((again.session.epoch, again.strategies.len()), (91, 1));
        assert_eq!(again.left_out, ["second"]);
        assert_eq!(again.limits.file, run.path().join(LIMITS));
        assert_eq!(again.venue.entry_latency, Latency::Samples(vec![5, 900, 12]));
        // And from there once more, as a run from that folder would keep it.
        let third = tempfile::tempdir().expect("folder");
        again.keep(third.path()).expect("kept");
        assert_eq!(Config::of_run(third.path()).expect("rebuilt").hash(), config.hash());
    }

    #[test]
    fn nothing_is_written_over_and_what_is_missing_is_named() {
        let dir = tempfile::tempdir().expect("folder");
        let config = written(dir.path());
        let run = tempfile::tempdir().expect("folder");
        fs::write(run.path().join(LIMITS), "mine").expect("limits");
        let failure = config.keep(run.path()).expect_err("there is one");
        assert_eq!(failure.exit, Exit::Journal);
        assert_eq!(fs::read_to_string(run.path().join(LIMITS)).expect("there"), "mine");
        for name in [CONFIG, LIMITS, OVERRIDES, "entry_latency_ns.txt"] {
            let run = tempfile::tempdir().expect("folder");
            config.keep(run.path()).expect("kept");
            fs::remove_file(run.path().join(name)).expect("kept");
            let failure = Config::of_run(run.path()).expect_err("not whole");
            let said = failure.to_string();
            let key = name.trim_end_matches(".txt");
            assert!(said.contains(key) && said.contains("next: "), "{said}");
        }
    }

    #[test]
    fn overrides_of_another_version_are_refused() {
        let dir = tempfile::tempdir().expect("folder");
        let config = written(dir.path());
        let run = tempfile::tempdir().expect("folder");
        config.keep(run.path()).expect("kept");
        let path = run.path().join(OVERRIDES);
        let text = fs::read_to_string(&path).expect("kept");
        for (from, to) in [("\"version\": 1", "\"version\": 2"), ("0.5", "fast"), ("91", "-1")] {
            fs::write(&path, text.replacen(from, to, 1)).expect("changed");
            let failure = Config::of_run(run.path()).expect_err("refused");
            assert_eq!(failure.exit, Exit::Configuration, "{to}: {failure}");
            assert!(failure.to_string().contains("overrides.json"), "{failure}");
        }
    }
}
