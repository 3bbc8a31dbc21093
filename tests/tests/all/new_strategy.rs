//! `corelane new strategy` and the README's way from there to a backtest.

use crate::support::{clean, corelane, program, root};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use wire::exit::Exit;

/// The commands of the README's section on strategies, in order.
fn commands() -> Vec<String> {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let section = readme.split("\n## Your own strategy\n").nth(1).expect("the section");
    let block = section.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next());
    let lines = block.expect("its commands").lines();
    let command = |line: &str| line.split(" #").next().unwrap_or_default().trim().to_owned();
    lines.map(command).filter(|line| !line.is_empty()).collect()
}

/// One command of the README: `corelane` is the one under test, `cargo` builds without the network
/// and shares the libraries that are built already; `..` is a folder of the test's own.
fn run(line: &str, beside: &Path) -> Option<Output> {
    let words: Vec<String> = line
        .split_whitespace()
        .filter(|word| *word != "--release")
        .map(|word| word.replace("../", &format!("{}/", beside.display())))
        .map(|word| word.replace("=..", &format!("={}", beside.display())))
        .collect();
    let arguments: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    if words[0] == "corelane" {
        return Some(corelane(&arguments));
    }
    assert_eq!(words[0], "cargo", "{line}");
    let target = program("corelane").ancestors().nth(2).unwrap().to_path_buf();
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(&arguments).current_dir(root());
    command.env("CARGO_TARGET_DIR", target).env("CARGO_NET_OFFLINE", "true");
    match command.output() {
        Ok(output) => Some(output),
        Err(error) => {
            eprintln!("SKIPPED new_strategy: cargo does not start: {error}");
            None
        }
    }
}

#[test]
fn the_readme_takes_a_newcomer_to_a_backtest_of_an_own_strategy() {
    // Always the same folder: another path would leave another set of libraries in target/.
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-strategy");
    if dir.exists() {
        fs::remove_dir_all(&dir).unwrap();
    }
    fs::create_dir_all(&dir).unwrap();
    let commands = commands();
    let mut said = Vec::new();
    for line in &commands {
        let Some(output) = run(line, &dir) else { return };
        said.push(clean(output));
    }
    let of = |start: &str| {
        let index = commands.iter().position(|line| line.starts_with(start));
        said[index.unwrap_or_else(|| panic!("the README shows `{start}`"))].as_str()
    };
    assert!(of("corelane new strategy").contains("cargo test --manifest-path="));
    let tests = of("cargo test").matches("test result: ok. 1 passed; 0 failed").count();
    assert_eq!(tests, 1, "one test, and it ran: {}", of("cargo test"));
    let backtest = of("cargo run");
    let value = |key: &str| {
        let line = backtest.lines().find(|line| line.starts_with(key));
        line.and_then(|line| line.split_whitespace().nth(1)).unwrap_or_else(|| panic!("{backtest}"))
    };
    assert!(value("orders").parse::<u64>().unwrap() > 0, "{backtest}");
    assert!(value("fills").parse::<u64>().unwrap() > 0, "{backtest}");
    assert_eq!(value("state_hash").len(), 18, "{backtest}");
    // The program says what is missing as every other does.
    let manifest = commands.iter().find(|line| line.starts_with("cargo run")).unwrap();
    let Some(output) = run(&format!("{manifest} -- no/such.toml"), &dir) else { return };
    assert_eq!(output.status.code(), Some(i32::from(Exit::Resource.code())));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no/such.toml"));
    // Limits that do not name it are refused: there is no default row.
    let Some(output) = run(&format!("{manifest} -- config/strategies.toml"), &dir) else { return };
    assert_eq!(output.status.code(), Some(i32::from(Exit::Configuration.code())));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("key=strategy.lean found=nothing"), "{said}");
    // Its own are sound by the command's word.
    let limits = dir.join("lean/limits.toml").display().to_string();
    assert!(clean(corelane(&["limits", "check", &limits])).starts_with("OK "));
}

const NEW_FILES: [&str; 7] = [
    "Cargo.toml",
    "Cargo.lock",
    ".gitignore",
    "backtest.toml",
    "limits.toml",
    "src/lib.rs",
    "src/main.rs",
];

/// The source it writes is formatted and warns of nothing.
#[test]
fn a_new_strategy_is_well_formed() {
    let dir = tempfile::tempdir().unwrap();
    let at = format!("--dir={}", dir.path().display());
    clean(corelane(&["new", "strategy", "a-name_of-20-letters", &at]));
    let folder = dir.path().join("a-name_of-20-letters");
    for file in NEW_FILES {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        assert!(!text.contains("{{") || file == "Cargo.lock", "{file}");
    }
    let manifest: toml::Table =
        fs::read_to_string(folder.join("Cargo.toml")).unwrap().parse().unwrap();
    assert_eq!(manifest["package"]["name"].as_str(), Some("a-name_of-20-letters"));
    for name in ["engine", "station", "wire"] {
        let path = manifest["dependencies"][name]["path"].as_str().unwrap();
        assert!(Path::new(path).join("Cargo.toml").is_file(), "{path}");
    }
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let fmt = Command::new(cargo)
        .args(["fmt", "--check", "--manifest-path"])
        .arg(folder.join("Cargo.toml"))
        .args(["--", "--config-path"])
        .arg(root().join("rustfmt.toml"))
        .output();
    match fmt {
        Ok(output) if String::from_utf8_lossy(&output.stderr).contains("no such command") => {
            eprintln!("SKIPPED a_new_strategy_is_well_formed: cargo fmt is not installed");
        }
        Ok(output) => drop(clean(output)),
        Err(error) => {
            eprintln!("SKIPPED a_new_strategy_is_well_formed: cargo does not start: {error}");
        }
    }
}

#[test]
fn a_new_strategy_is_refused_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let at = |folder: &Path| format!("--dir={}", folder.display());
    let here = at(dir.path());
    fs::create_dir(dir.path().join("there")).unwrap();
    fs::write(dir.path().join("there/notes.txt"), "mine").unwrap();
    let nowhere = at(&dir.path().join("nowhere"));
    let no_checkout = format!("--corelane={}", dir.path().display());
    for (args, exit, parts) in [
        (&["Bad Name", here.as_str()][..], Exit::Arguments, &["Bad Name", "lower-case"][..]),
        (&["../up", &here], Exit::Arguments, &["../up"]),
        (&["match", &here], Exit::Arguments, &["match", "no word"]),
        (&["there", &here], Exit::Arguments, &["there already", "path="]),
        (&["lean", &nowhere], Exit::Resource, &["nowhere/lean"]),
        (&["lean", &here, &no_checkout], Exit::Resource, &["no checkout", "--corelane="]),
    ] {
        let args: Vec<&str> = ["new", "strategy"].into_iter().chain(args.iter().copied()).collect();
        let output = corelane(&args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(i32::from(exit.code())), "{args:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.starts_with(exit.name()) && said.contains("; next: "), "{said}");
        assert!(parts.iter().all(|part| said.contains(part)), "{parts:?} in {said}");
    }
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing was written: {left:?}");
    assert_eq!(fs::read_to_string(dir.path().join("there/notes.txt")).unwrap(), "mine");
}
