//! What the sensor reads from the kernel's files, and what it says without NVML.

use corelane_signal::guard::Sample;
use corelane_signal::guard::sensor::{Host, SensorError, Vram};
use std::fs;
use std::path::Path;

const MEMINFO: &str = "MemTotal:        1000 kB\nMemFree: 1 kB\nMemAvailable:     600 kB\n";

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn without_a_limit_the_machine_s_figures_count() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "proc/meminfo", MEMINFO);
    write(root.path(), "proc/self/cgroup", "0::/system.slice/corelane.service\n");
    write(root.path(), "sys/fs/cgroup/system.slice/corelane.service/memory.max", "max\n");
    write(root.path(), "sys/fs/cgroup/system.slice/corelane.service/memory.current", "1\n");
    let host = Host::under(root.path()).sample().unwrap();
    assert_eq!(host.group, None);
    let (used_bytes, total_bytes) = (400 * 1_024, 1_000 * 1_024);
    assert_eq!(host.sample, Sample { used_bytes, total_bytes });
}

#[test]
fn the_fullest_group_above_the_process_counts_and_file_caches_do_not() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "proc/meminfo", MEMINFO);
    write(root.path(), "proc/self/cgroup", "1:name=old:/x\n0::/a/b\n");
    for (group, max, current, cache) in [("a/b", 1_000, 900, 800), ("a", 500, 450, 10)] {
        let folder = format!("sys/fs/cgroup/{group}");
        write(root.path(), &format!("{folder}/memory.max"), &format!("{max}\n"));
        write(root.path(), &format!("{folder}/memory.current"), &format!("{current}\n"));
        let stat = format!("anon 7\ninactive_file {cache}\n");
        write(root.path(), &format!("{folder}/memory.stat"), &stat);
    }
    let host = Host::under(root.path()).sample().unwrap();
    assert_eq!(host.group.as_deref(), Some("a"));
    assert_eq!(host.sample, Sample { used_bytes: 440, total_bytes: 500 });
}

#[test]
fn a_figure_that_is_not_there_is_named() {
    let root = tempfile::tempdir().unwrap();
    let error = Host::under(root.path()).sample().unwrap_err();
    assert!(matches!(&error, SensorError::File { .. }) && error.to_string().contains("meminfo"));
    write(root.path(), "proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: many kB\n");
    let error = Host::under(root.path()).sample().unwrap_err();
    assert!(error.to_string().contains("has no MemAvailable"), "{error}");
}

/// The real machine: a sample that makes sense, and NVML or one line that says why not.
#[test]
fn this_machine_can_be_sampled() {
    let host = Host::default().sample().unwrap();
    assert!(host.sample.used_bytes > 0 && host.sample.total_bytes > 0);
    match Vram::open(0) {
        Ok(vram) => {
            let sample = vram.sample().unwrap();
            assert!(sample.total_bytes > 0 && sample.used_bytes <= sample.total_bytes);
        }
        Err(error) => {
            let line = error.to_string();
            eprintln!("SKIPPED vram_of_this_machine: {line}");
            assert!(line.starts_with("no NVML: ") && !line.contains('\n'), "{line}");
        }
    }
}
