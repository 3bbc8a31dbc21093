//! `corelane init`: a first configuration from what this host is.
//!
//! Writes a station's file, its limits and, where the host has the cores for one, a topology. Must
//! never: overwrite a file, leave half of them behind, write one `corelane config check` refuses, or
//! call something found that it did not see.

mod found;
mod servers;
mod sizes;
mod texts;

use crate::config::{keys::FileKind, load};
use crate::new::find_checkout;
use crate::output::Output;
use clap::Args;
use found::Found;
use isolation::Host;
use sizes::Sizes;
use station::operator::Failure;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use texts::Chosen;
use wire::exit::Exit;

/// The bundled recording and model, beneath a checkout.
const RECORDING: &str = "config/demo/btcusdt-20240809.clrec";
const MODEL: &str = "sidecars/signal/models/bin_ctabl";

/// `corelane init`.
#[derive(Args, Debug)]
pub struct InitArgs {
    /// Folder for the files; made where it is not there.
    #[arg(value_name = "DIR", default_value = "config")]
    pub dir: PathBuf,
    /// Recording to play (default: the bundled one).
    #[arg(long, value_name = "FILE")]
    pub recording: Option<PathBuf>,
    /// Instrument to trade (default: the recording's first that can be).
    #[arg(long, value_name = "SYMBOL")]
    pub instrument: Option<String>,
    /// The model's folder (default: the bundled one).
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// Look for cores and cards in a captured tree instead of on this host.
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Where an Ollama server would listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:11434")]
    pub ollama: std::net::SocketAddr,
    /// Where a vLLM server would listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000")]
    pub vllm: std::net::SocketAddr,
}

/// Runs the command.
///
/// # Errors
/// ARGUMENTS where a file is there already or the instrument is not; RESOURCE where there is no
/// recording or something cannot be written.
pub fn init(args: &InitArgs) -> Result<(), Failure> {
    let checkout = find_checkout();
    let bundled = |part: &str| checkout.as_ref().map(|dir| dir.join(part)).filter(|p| p.exists());
    let recording =
        args.recording.clone().or_else(|| bundled(RECORDING)).ok_or_else(no_recording)?;
    let model = args.model.clone().or_else(|| bundled(MODEL));
    let sizes = Sizes::of(&recording, args.instrument.as_deref())?;
    let host = match &args.root {
        None => Host::live(),
        Some(root) => Host::at(root).map_err(|error| cannot("read", root, &error))?,
    };
    let found = Found::on(&host, args);
    let chosen = Chosen {
        recording: whole(&recording)?,
        model: model.as_deref().map(whole).transpose()?,
        sizes: &sizes,
        found: &found,
    };
    let mut files = vec![
        (FileKind::Limits, "limits.toml", texts::limits(&chosen)),
        (FileKind::Station, "station.toml", texts::station(&chosen)),
    ];
    files.extend(
        found
            .split
            .as_ref()
            .ok()
            .map(|split| (FileKind::Topology, "topology.toml", texts::topology(split, &found))),
    );
    put(&args.dir, &files)?;
    say(args, &found, &files)
}

fn no_recording() -> Failure {
    let next = "name one with --recording=; `corelane import --help` makes one";
    Failure::new(Exit::Resource, "no recording to play", "bundled=none", next)
}

fn whole(path: &Path) -> Result<PathBuf, Failure> {
    path.canonicalize().map_err(|error| cannot("find", path, &error))
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    let fields = format!("path={} error=\"{error}\"", path.display());
    Failure::new(Exit::Resource, format!("cannot {what} it"), fields, "name another path")
}

/// Writes all files or none, and has each read by the loader of its program.
fn put(dir: &Path, files: &[(FileKind, &str, String)]) -> Result<(), Failure> {
    let there: Vec<_> =
        files.iter().map(|(_, name, _)| dir.join(name)).filter(|path| path.exists()).collect();
    if !there.is_empty() {
        let list: Vec<_> = there.iter().map(|path| path.display().to_string()).collect();
        let fields = format!("files=({})", list.join(", "));
        let next = "name another folder, or move them away: nothing is overwritten";
        return Err(Failure::new(Exit::Arguments, "files are there already", fields, next));
    }
    fs::create_dir_all(dir).map_err(|error| cannot("make", dir, &error))?;
    let mut made = Vec::new();
    let done = files.iter().try_for_each(|(_, name, text)| {
        let path = dir.join(name);
        let file = File::create_new(&path);
        let written = file.and_then(|mut file| {
            made.push(path.clone());
            file.write_all(text.as_bytes())
        });
        written.map_err(|error| cannot("write", &path, &error))
    });
    let checked = done.and_then(|()| {
        files.iter().try_for_each(|(kind, name, text)| load(*kind, &dir.join(name), text).map(drop))
    });
    if checked.is_err() {
        for path in made {
            // They are this command's own; a half configuration helps nobody.
            let _ = fs::remove_file(path);
        }
    }
    checked
}

fn say(args: &InitArgs, found: &Found, files: &[(FileKind, &str, String)]) -> Result<(), Failure> {
    let mut out = Output::stdout();
    for (what, said) in found.lines() {
        out.line(format_args!("found    {what:<12} {said}"))?;
    }
    for (_, name, _) in files {
        out.line(format_args!("written  {}", args.dir.join(name).display()))?;
    }
    if let Err(why) = &found.split {
        out.line(format_args!("left out topology.toml: {why}"))?;
    }
    out.line(format_args!(
        "left out agents.toml: this version has no agents program that would read one"
    ))?;
    let dir = args.dir.display();
    out.line(format_args!("next     read {dir}/limits.toml: its numbers are yours to answer for"))?;
    out.line(format_args!("         corelane config check {dir}"))?;
    out.line(format_args!("         corelane run --config={dir}/station.toml"))?;
    out.finish()
}
