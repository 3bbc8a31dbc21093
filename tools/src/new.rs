//! `corelane new`: writes the start of something of the user's own.
//!
//! Owns the names that are allowed and where this checkout is. What is written lies beside the
//! source in `tools/templates`, and a test compiles and runs it. Must never: write into a folder
//! that was there before.

use crate::cli::{NewCommand, NewStrategyArgs};
use crate::output::Output;
use station::operator::Failure;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use wire::exit::Exit;

/// The files of a strategy crate and their text.
const FILES: [(&str, &str); 7] = [
    ("Cargo.toml", include_str!("../templates/strategy/Cargo.toml.in")),
    ("src/lib.rs", include_str!("../templates/strategy/src/lib.rs.in")),
    ("src/main.rs", include_str!("../templates/strategy/src/main.rs.in")),
    ("tests/backtest.rs", include_str!("../templates/strategy/tests/backtest.rs.in")),
    ("backtest.toml", include_str!("../templates/strategy/backtest.toml.in")),
    ("limits.toml", include_str!("../templates/strategy/limits.toml.in")),
    (".gitignore", "/target\n/runs\n"),
];

/// Words no crate can be named: those of the language, and the crates a strategy uses.
const TAKEN: [&str; 60] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "build",
    "const",
    "continue",
    "core",
    "crate",
    "deps",
    "do",
    "dyn",
    "else",
    "engine",
    "enum",
    "examples",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "incremental",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "station",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "wire",
    "yield",
];

/// Longest name.
const NAME_MAX: usize = 64;

/// Runs the command.
///
/// # Errors
/// `ARGUMENTS` for a name that is not allowed or a folder that exists; `RESOURCE` where the checkout
/// is not found or something cannot be written.
pub fn new(command: &NewCommand) -> Result<(), Failure> {
    let NewCommand::Strategy(args) = command;
    strategy(args)
}

fn strategy(args: &NewStrategyArgs) -> Result<(), Failure> {
    check_name(&args.name)?;
    let checkout = match &args.corelane {
        Some(dir) => is_checkout(dir).then(|| dir.clone()),
        None => find_checkout(),
    };
    let checkout = checkout.and_then(|dir| dir.canonicalize().ok()).ok_or_else(|| {
        let looked = args.corelane.as_ref().map(|dir| format!("corelane={}", dir.display()));
        let next = "name the checkout with --corelane=DIR";
        Failure::new(Exit::Resource, "no checkout of Corelane", looked.unwrap_or_default(), next)
    })?;
    let folder = args.dir.join(&args.name);
    fs::create_dir(&folder).map_err(|error| {
        if error.kind() != ErrorKind::AlreadyExists {
            return cannot_write(&folder, &error);
        }
        let fields = format!("path={}", folder.display());
        let next = "choose another name, or another folder with --dir=";
        Failure::new(Exit::Arguments, "folder is there already", fields, next)
    })?;
    if let Err((path, error)) = write(&folder, &args.name, &checkout) {
        // The folder is this command's own; half a crate helps nobody.
        let _ = fs::remove_dir_all(&folder);
        return Err(cannot_write(&path, &error));
    }
    say(&folder)
}

fn check_name(name: &str) -> Result<(), Failure> {
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    let shape = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.split(['-', '_']).all(word)
        && name.len() <= NAME_MAX;
    let taken = TAKEN.contains(&name.replace('-', "_").as_str()) || name.starts_with("corelane");
    if shape && !taken {
        return Ok(());
    }
    let found = name.escape_debug();
    let allowed = "lower-case letters, digits, single - or _, a letter first, at most 64, no word \
                   of Rust and no crate of Corelane's";
    let fields = format!("found=\"{found}\" allowed=({allowed})");
    Err(Failure::new(Exit::Arguments, "name is not allowed", fields, "choose another name"))
}

/// The checkout this program lies in, else the one the working directory lies in.
pub(crate) fn find_checkout() -> Option<PathBuf> {
    let starts = [std::env::current_exe(), std::env::current_dir()];
    let mut folders = starts.iter().flatten().flat_map(|start| start.ancestors());
    folders.find(|dir| is_checkout(dir)).map(Path::to_path_buf)
}

fn is_checkout(dir: &Path) -> bool {
    ["hotpath/engine", "hotpath/station", "wire"]
        .iter()
        .all(|part| dir.join(part).join("Cargo.toml").is_file())
}

fn write(folder: &Path, name: &str, checkout: &Path) -> Result<(), (PathBuf, io::Error)> {
    // In TOML and in Rust alike: the text of a path inside double quotes.
    let path = checkout.display().to_string().replace('\\', "\\\\").replace('"', "\\\"");
    for (file, text) in FILES {
        let text = text
            .replace("{{name}}", name)
            .replace("{{crate}}", &name.replace('-', "_"))
            .replace("{{checkout}}", &path);
        put(&folder.join(file), text.as_bytes())?;
    }
    // The versions the checkout was built with: nothing new need be fetched.
    match fs::read(checkout.join("Cargo.lock")) {
        Ok(lock) => put(&folder.join("Cargo.lock"), &lock),
        Err(_) => Ok(()),
    }
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), (PathBuf, io::Error)> {
    let parent = path.parent().map_or(Ok(()), fs::create_dir_all);
    parent.and_then(|()| fs::write(path, bytes)).map_err(|error| (path.to_path_buf(), error))
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    let fields = format!("path={} error=\"{error}\"", path.display());
    let next = "name a folder that exists and may be written with --dir=";
    Failure::new(Exit::Resource, "cannot write", fields, next)
}

fn say(folder: &Path) -> Result<(), Failure> {
    let manifest = folder.join("Cargo.toml");
    let (folder, manifest) = (folder.display(), manifest.display());
    let mut out = Output::stdout();
    out.line(format_args!("{folder}: change src/lib.rs, its limits in limits.toml; then"))?;
    out.line(format_args!("  cargo test --manifest-path={manifest}"))?;
    out.line(format_args!("  cargo run --release --manifest-path={manifest}"))?;
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_a_crate_can_have() {
        for good in ["a", "lean", "my-quoter", "my_quoter2", "a1-b2_c3", &"a".repeat(64)] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        let long = "a".repeat(65);
        for bad in [
            "",
            "A",
            "1a",
            "-a",
            "_a",
            "a-",
            "a--b",
            "a.b",
            "a/b",
            "../a",
            "a b",
            "é",
            "self",
            "proc-macro",
            "engine",
            "test",
            "corelane",
            "corelane-x",
            "a\nb",
            &long,
        ] {
            let failure = check_name(bad).expect_err(bad);
            assert_eq!(failure.exit, Exit::Arguments, "{bad}");
            assert_eq!(failure.to_string().lines().count(), 1, "{bad:?}");
        }
        assert!(TAKEN.is_sorted(), "easy to read");
    }
}
