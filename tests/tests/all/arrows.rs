//! The allowed arrows between crates, and the house rules a compiler does not check.

use crate::support::root;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Who may use whom. `tape` and `station` see the clock; nothing but tests sees `tools`.
const ARROWS: [(&str, &[&str]); 16] = [
    ("wire", &[]),
    ("ring", &["wire"]),
    ("clock", &["wire"]),
    ("engine", &["wire"]),
    ("tape", &["wire", "clock"]),
    ("venues", &["wire"]),
    ("ipc", &["wire"]),
    ("signal", &["wire", "ipc"]),
    ("agents", &["wire"]),
    // Another process of the same server: what is around its back end is signal's, so that the two
    // cannot differ. It is beside the workspace, for it builds only where libtorch is.
    ("torch", &["wire", "ipc", "signal"]),
    ("station", &["wire", "engine", "ring", "clock", "tape", "venues", "ipc", "isolation"]),
    ("notary", &["wire", "tape"]),
    ("isolation", &["wire"]),
    (
        "tools",
        &[
            "wire",
            "engine",
            "ring",
            "clock",
            "tape",
            "venues",
            "ipc",
            "signal",
            "agents",
            "station",
            "isolation",
        ],
    ),
    ("benches", &["wire", "engine", "ring", "clock", "tape", "venues", "ipc", "signal", "station"]),
    // The simulation; its tests use all.
    ("tests", &["wire", "engine", "tape"]),
];

fn manifests() -> BTreeMap<String, (PathBuf, toml::Table)> {
    let root_manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let workspace: toml::Table = root_manifest.parse().unwrap();
    let members = workspace["workspace"]["members"].as_array().unwrap();
    members
        .iter()
        .map(|member| {
            let folder = root().join(member.as_str().unwrap());
            let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
            let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
            (name, (folder, manifest.parse().unwrap()))
        })
        .collect()
}

fn ours(manifest: &toml::Table, section: &str, known: &[&str]) -> Vec<String> {
    manifest
        .get(section)
        .and_then(toml::Value::as_table)
        .map(|deps| deps.keys().filter(|d| known.contains(&d.as_str())).cloned().collect())
        .unwrap_or_default()
}

#[test]
fn crates_use_only_what_the_design_allows() {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.into_iter().collect();
    let known: Vec<&str> = allowed.keys().copied().collect();
    let torch = fs::read_to_string(root().join("sidecars/torch/Cargo.toml")).unwrap();
    let torch = ("torch".to_owned(), (PathBuf::new(), torch.parse().unwrap()));
    for (name, (_, manifest)) in manifests().into_iter().chain([torch]) {
        let may = allowed.get(name.as_str()).unwrap_or_else(|| {
            panic!("crate {name} is not in the list of arrows: add it here and in ARCHITECTURE.md")
        });
        for used in ours(&manifest, "dependencies", &known) {
            assert!(may.contains(&used.as_str()), "{name} may not use {used}");
        }
    }
}

#[test]
fn every_crate_has_its_folder_s_name_and_the_house_lints() {
    for (name, (folder, manifest)) in manifests() {
        let package = manifest["package"]["name"].as_str().unwrap();
        assert_eq!(package, format!("corelane-{name}"), "in {}", folder.display());
        let lints = manifest.get("lints").and_then(|l| l.get("workspace"));
        assert_eq!(lints.and_then(toml::Value::as_bool), Some(true), "{name} has no house lints");
    }
}

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            if !matches!(name.as_str(), "target" | "runs") && !name.starts_with('.') {
                sources(&path, out);
            }
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// Files that may hold `unsafe`, each behind a fence of its own.
const UNSAFE_FILES: [&str; 24] = [
    "hotpath/ring/src/",
    "hotpath/clock/src/tsc.rs",
    "hotpath/clock/src/source.rs",
    "hotpath/tape/src/sys.rs",
    "hotpath/station/src/sys.rs",
    "hotpath/station/src/map.rs",
    "hotpath/notary/src/sys.rs",
    "sidecars/ipc/src/sys.rs",
    "sidecars/ipc/src/uring.rs",
    "sidecars/ipc/src/shm/memory.rs",
    "sidecars/signal/src/sys.rs",
    "sidecars/signal/tests/sandbox/sys.rs",
    "sidecars/signal/src/session/raw.rs",
    "isolation/src/sys.rs",
    "tools/src/map.rs",
    "tools/src/sys.rs",
    "benches/src/sys.rs",
    "benches/benches/tape.rs",
    "tests/tests/all/support/",
    "tests/tests/all/resources.rs",
    "tests/tests/all/seccomp.rs",
    "tests/tests/resources/",
    "tests/examples/allocations.rs",
    "hotpath/ring/tests/",
];

#[test]
fn unsafe_stays_behind_its_fences_and_is_argued_for() {
    let mut files = Vec::new();
    sources(&root(), &mut files);
    assert!(files.len() > 50, "the walk found the sources");
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let relative = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        let code = |line: &str| {
            let line = line.trim_start();
            !line.starts_with("//") && !line.contains('"')
        };
        let sites = text
            .lines()
            .filter(|l| code(l) && (l.contains("unsafe {") || l.contains("unsafe impl")))
            .count();
        if sites == 0 {
            continue;
        }
        let fenced = UNSAFE_FILES.iter().any(|allowed| relative.starts_with(allowed));
        assert!(fenced, "{relative} holds unsafe code but is not in the list");
        let argued = text.lines().filter(|l| l.contains("SAFETY:")).count();
        assert!(argued >= sites, "{relative}: {sites} unsafe sites, {argued} SAFETY comments");
    }
}

#[test]
fn every_source_file_says_what_it_is() {
    let mut files = Vec::new();
    sources(&root(), &mut files);
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let first = text.lines().find(|l| !l.starts_with("#!")).unwrap_or("");
        assert!(first.starts_with("//!"), "{} does not open with //!", path.display());
    }
}
