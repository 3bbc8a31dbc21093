//! Tables written here by hand in the tool's form: both headers, what stands round them, damage.

use super::*;

const HEAD: &str = "sfnt-pingpong: client: waiting for server to start\n\
    # date: Thu Oct  1 10:00:00 UTC 2026\n\
    sh: 1: lspci: not found\n\
    # eth0: bus-info: \n\
    oo:sfnt-pingpong[25]: Using Onload 8.1.3 [4]\n\
    # cmdline: sfnt-pingpong --sizes=32,64 --affinity=0;1 tcp\n\
    # version: 1.6.0\n\
    # src: 0123456789abcdef0123456789abcdef\n\
    # tsc_hz: 2500000000\n\
    # LD_PRELOAD=libonload.so\n\
    # onload_version=8.1.3.40\n\
    # server LD_PRELOAD=libonload.so\n\
    # percentile=99\n";
const ROWS: &str = "#\n\
    #\tsize\tmean\tmin\tmedian\tmax\t%ile\tstddev\titer\n\
    \t32\t1000\t900\t990\t5000\t1500\t50\t2000\n\
    onload: Warning: one thing\n\
    \t64\t1101\t901\t991\t5001\t1501\t51\t2001\n";

fn old() -> String {
    format!("{HEAD}{ROWS}")
}

fn new() -> String {
    format!("{HEAD}# reporting: 1/2 RTT\n{ROWS}")
}

#[test]
fn both_headers_say_half_unless_asked() {
    let table = Table::parse(&new()).expect("new header");
    assert_eq!(table.header.told_by, ToldBy::Header);
    assert_eq!(table.header.version(), Some("1.6.0"));
    assert!(table.header.has_onload_at_both_ends());
    assert_eq!((table.rows.len(), table.is_whole), (2, Some(true)));
    let row = table.row(64).expect("row");
    assert_eq!(table.half_ns(row), Some(*row));
    let rtt = table.rtt_ns(row).expect("one message each way");
    assert_eq!((rtt.median_ns, rtt.percentile_ns, rtt.iter, rtt.size), (1_982, 3_002, 2_001, 64));

    let table = Table::parse(&old()).expect("old header");
    assert_eq!(
        (table.header.told_by, table.header.reporting),
        (ToldBy::CommandLine, Reporting::HalfRtt)
    );
    let whole = old().replace(" tcp", " --rtt --percentile=99.9 tcp");
    let whole = Table::parse(&whole.replace("percentile=99\n", "percentile=99.9\n")).expect("rtt");
    assert_eq!(whole.header.reporting, Reporting::WholeRtt);
    assert_eq!(whole.header.percentile_e6, 99_900_000);
    let row = whole.row(32).expect("row");
    assert_eq!(whole.rtt_ns(row), Some(*row));
    assert_eq!(whole.half_ns(row).map(|row| row.mean_ns), Some(500));
}

#[test]
fn without_a_command_line_half_is_assumed_and_said() {
    let text: String =
        old().lines().filter(|l| !l.contains("cmdline")).flat_map(|l| [l, "\n"]).collect();
    let table = Table::parse(&text).expect("no command line");
    assert_eq!((table.header.told_by, table.is_whole), (ToldBy::Nobody, None));
    assert_eq!(table.rtt_ns(&table.rows[0]).map(|row| row.min_ns), Some(1_800));
}

#[test]
fn several_messages_a_round_are_no_round_trip() {
    for option in ["--n-pings=2", "--n-pongs=3", "--more", "--n-pings=1;2"] {
        let text = new().replace(" tcp", &format!(" {option} tcp"));
        let table = Table::parse(&text).expect(option);
        assert_eq!(table.rtt_ns(&table.rows[0]), None, "{option}");
        assert_eq!(table.half_ns(&table.rows[0]), None, "{option}");
    }
}

#[test]
fn a_header_that_contradicts_its_command_line_is_refused() {
    for (from, to, what) in [
        ("# reporting: 1/2 RTT", "# reporting: RTT", "reporting and command line differ"),
        ("# reporting: 1/2 RTT", "# reporting: 1/3 RTT", "reporting"),
        ("# percentile=99\n", "# percentile=98\n", "percentile and command line differ"),
        ("# percentile=99\n", "# percentile=\n", "percentile"),
        ("# percentile=99\n", "", "the percentile is missing"),
        ("# percentile=99\n", "# percentile=99\n# percentile=99\n", "`percentile` comes twice"),
        (
            "--sizes=32,64",
            "--sizes=32,64,128",
            "the table is cut: sizes of the command line are \
                                                missing",
        ),
        ("--sizes=32,64", "--sizes=32,128", "the sizes are not those of the command line"),
        ("\t64\t", "\t64", "a row of another form"),
        ("\t64\t1101", "\t64\t11o1", "a line of no known form"),
        ("\t64\t1101", "\t64\t-1", "mean, ns"),
        ("\t64\t1101", "\t64\t9999", "the figures of a row contradict each other"),
        ("\tstddev", "\tsigma", "the columns are not those of sfnt-pingpong"),
    ] {
        let text = new().replacen(from, to, 1);
        assert_ne!(text, new(), "{from:?}");
        let fault = Table::parse(&text).expect_err(to);
        assert_eq!(fault.what, what, "{from:?} to {to:?}");
    }
}

#[test]
fn rows_are_written_as_they_were_read() {
    let table = Table::parse(&new()).expect("table");
    let rows: String = ROWS
        .lines()
        .filter(|l| *l != "#" && !l.contains("onload"))
        .flat_map(|l| [l, "\n"])
        .collect();
    assert_eq!(text_of(&table.rows), rows);
}

/// Every cut is an error, and so is every line taken away or doubled that the figures depend on.
#[test]
fn no_cut_passes_for_a_whole_table() {
    let text = new();
    for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
        assert!(Table::parse(&text[..end]).is_err(), "cut at byte {end}");
    }
    let whole = Table::parse(&text).expect("table");
    let lines: Vec<&str> = text.lines().collect();
    for out in 0..lines.len() {
        let left: String =
            (0..lines.len()).filter(|n| *n != out).flat_map(|n| [lines[n], "\n"]).collect();
        if let Ok(table) = Table::parse(&left) {
            assert_eq!(table.rows, whole.rows, "without {:?}", lines[out]);
            assert_eq!(table.header.reporting, whole.header.reporting, "without {:?}", lines[out]);
        }
        let doubled: String = (0..lines.len())
            .flat_map(|n| {
                if n == out { [lines[n], "\n", lines[n], "\n"] } else { [lines[n], "\n", "", ""] }
            })
            .collect();
        if let Ok(table) = Table::parse(&doubled) {
            assert_eq!(table.rows, whole.rows, "twice {:?}", lines[out]);
        }
    }
}
