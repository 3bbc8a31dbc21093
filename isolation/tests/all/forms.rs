//! Each form of the report, exactly.

use crate::fixture::Fixture;
use corelane_isolation::{Profile, Report, Status, examine};
use std::fs;
use std::path::Path;

/// A few checks of a small host, one of each status.
fn report() -> Report {
    let mut fixture = Fixture::default();
    for entry in [
        "P/cmdline: isolcpus=2-3 idle=poll processor.max_cstate=1 skew_tick=1",
        "C/isolated: 2-3",
        "V/kernel/nmi_watchdog: 0",
        "E/sysctl.d/9.conf: kernel.nmi_watchdog=1\\nkernel.sched_migration_cost_ns=5000000",
        "V/vm/stat_interval: 1",
        "!C/nohz_full: a \"quoted\" <reason> & more",
        "P/swaps: Filename",
    ] {
        fixture.add(entry);
    }
    let mut report = examine(&fixture.host(), &fixture.plan, Profile::Live);
    let few = ["I01", "I02", "I15", "I16", "I18", "I20", "W03", "M06", "C01"];
    report.checks.retain(|found| few.contains(&found.id));
    for status in Status::ALL {
        let count = report.checks.iter().filter(|found| found.status == status).count();
        report.counts.insert(status.name(), count);
    }
    // It has all checks in it, those of a later table too.
    report.hash = "0123456789abcdef".repeat(4);
    report
}

#[test]
fn the_hash_is_of_what_settings_lead_to() {
    let hash = |entries: &[&str], profile| {
        let mut fixture = Fixture::default();
        for entry in entries {
            fixture.add(entry);
        }
        examine(&fixture.host(), &fixture.plan, profile).hash
    };
    let settings = "V/kernel/nmi_watchdog: 0";
    let first = hash(&[settings], Profile::Live);
    assert_eq!(first.len(), 64);
    assert_eq!(hash(&[settings], Profile::Live), first, "the same host");
    let moving = [
        settings,
        "P/9/comm: corelane-engine",
        "P/9/task/9/status: Name:\tmain\nCpus_allowed_list:\t0",
    ];
    assert_eq!(hash(&moving, Profile::Live), first, "an engine that runs is no setting");
    assert_eq!(hash(&[settings], Profile::Dev), first, "a profile judges, it finds nothing else");
    for (what, other) in [
        ("status", hash(&["V/kernel/nmi_watchdog: 1"], Profile::Live)),
        ("kernel", hash(&[settings, "V/kernel/osrelease: 6.12.30"], Profile::Live)),
        ("topology", hash(&[settings, "plan: hot=2-3 nic=eth0"], Profile::Live)),
    ] {
        assert_ne!(other, first, "{what}");
    }
}

/// Compares with a golden file; what was found lies in a folder of the build where it differs.
pub(crate) fn same(file: &str, found: &str) -> Result<(), String> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(file);
    let wanted = fs::read_to_string(&golden).unwrap_or_default();
    if found == wanted {
        return Ok(());
    }
    let actual = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file.replace("../", ""));
    fs::create_dir_all(actual.parent().expect("in a folder")).expect("a folder");
    fs::write(&actual, found).expect("a file");
    let differs = found.lines().zip(wanted.lines()).find(|(a, b)| a != b);
    Err(format!("{} and {} differ: {differs:?}", golden.display(), actual.display()))
}

#[test]
fn each_form_is_exact() {
    let report = report();
    let statuses: std::collections::BTreeSet<_> =
        report.checks.iter().map(|found| found.status).collect();
    assert_eq!(statuses.len(), Status::ALL.len(), "one of each status: {statuses:?}");
    let forms = [
        ("txt", report.to_text()),
        ("md", report.to_md()),
        ("xml", report.to_junit()),
        ("prom", report.to_prometheus()),
        ("json", format!("{}\n", report.to_json())),
    ];
    let differ: Vec<String> = forms
        .iter()
        .filter_map(|(end, text)| same(&format!("forms/report.{end}"), text).err())
        .collect();
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

#[test]
fn the_forms_agree_on_what_fails() {
    let report = report();
    let fails = report.checks.iter().filter(|found| report.fails(found)).count();
    let errs = report.checks.iter().filter(|found| report.errs(found)).count();
    let xml = report.to_junit();
    assert!(fails > 0 && errs > 0);
    assert_eq!(xml.matches("<failure ").count(), fails);
    assert_eq!(xml.matches("<error ").count(), errs);
    assert_eq!(xml.matches("<testcase ").count(), report.checks.len());
    let series = report.to_prometheus();
    assert_eq!(series.matches("corelane_doctor_check{").count(), report.checks.len());
    assert!(!series.contains(['\r', '\t']) && series.ends_with('\n'));
}
