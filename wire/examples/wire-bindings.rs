//! Writes the files generated from the wire contract: the C header, the Python mirror's tables,
//! the tables of WIRE.md and the golden frames. Run from the repository root, or name the folder.
//!
//! `cargo run -p corelane-wire --example wire-bindings [FOLDER]`

use corelane_wire::bindings;
use corelane_wire::exit::Exit;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("wire"), PathBuf::from);
    match write_all(&folder) {
        Ok(()) => Exit::Clean.into(),
        Err(problem) => {
            let _ = writeln!(
                std::io::stderr(),
                "{}: cannot regenerate: {problem}; next: run from the repository root",
                Exit::Resource.name()
            );
            Exit::Resource.into()
        }
    }
}

fn write_all(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let read = |path: &str| {
        let path = folder.join(path);
        std::fs::read_to_string(&path).map_err(|e| format!("path={}: {e}", path.display()))
    };
    let outputs = bindings::outputs(&read("WIRE.md")?, &read("python/corelane_wire.py")?)?;
    let mut stdout = std::io::stdout();
    for output in outputs {
        let path = folder.join(output.path);
        let is_same = std::fs::read(&path).is_ok_and(|present| present == output.content);
        if !is_same {
            std::fs::write(&path, &output.content)
                .map_err(|e| format!("path={}: {e}", path.display()))?;
        }
        let word = if is_same { "unchanged" } else { "written" };
        writeln!(stdout, "{word:>9}  {}", path.display())?;
    }
    Ok(())
}
